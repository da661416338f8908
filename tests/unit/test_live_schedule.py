"""The schedule task: what it does to a ConfigMap that is there, right, or gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.live.kubectl import TaskError
from components.live.schedule import write

ENVIRONMENT = {
    "MULTUS_NAMESPACE": "kube-system",
    "MULTUS_SCHEDULE": "*/30 * * * *",
    "MULTUS_SCHEDULE_DEFAULT": "30 4 * * *",
}


class Cluster:
    """A kubectl that knows one ConfigMap."""

    def __init__(self, held: str | None) -> None:
        self.held = held
        self.patches: list[Any] = []

    def optional(self, *arguments: str) -> Any:
        assert arguments == ("get", "configmap", "whereabouts-config", "--namespace=kube-system")
        return None if self.held is None else {"data": {"cron-expression": self.held}}

    def run(self, *arguments: str) -> str:
        assert "--type=merge" in arguments
        self.patches.append(json.loads(arguments[-1].removeprefix("--patch=")))
        return ""


@pytest.mark.parametrize(
    ("held", "undo", "written"),
    [
        ("30 4 * * *", "", "*/30 * * * *"),
        ("*/30 * * * *", "", None),
        ("*/30 * * * *", "1", "30 4 * * *"),
        ("30 4 * * *", "1", None),
        (None, "1", None),
    ],
)
def test_writes_only_what_differs(held: str | None, undo: str, written: str | None) -> None:
    cluster = Cluster(held)
    write(cluster, {**ENVIRONMENT, "MULTUS_UNDO": undo})  # type: ignore[arg-type]  # a stand-in
    assert cluster.patches == ([{"data": {"cron-expression": written}}] if written else [])


def test_a_missing_config_map_is_said() -> None:
    with pytest.raises(TaskError, match="there is no ConfigMap whereabouts-config"):
        write(Cluster(None), ENVIRONMENT)  # type: ignore[arg-type]  # a stand-in
