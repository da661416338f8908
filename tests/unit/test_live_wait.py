"""The wait over time, whose pods are whose, and what the tasks' scripts are made of."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.live import COMMAND, script
from components.live.kubectl import Kubectl, TaskError
from components.live.readiness import container_state, owned, problems, state_of, wait
from tests.unit.test_live_readiness import daemon_set, pod

Json = dict[str, Any]


@pytest.mark.parametrize("name", ["handover", "namespaces", "readiness"])
def test_scripts_are_of_the_standard_library_and_of_an_old_python(name: Any) -> None:
    tree = ast.parse(script(name), feature_version=(3, 9))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names
    assert str(Path.cwd()) not in script(name)
    assert COMMAND == "exec python3 -"


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waiting(answers: Callable[[float], list[Json] | None], timeout: int = 30) -> tuple[str, float]:
    clock = Clock()

    class Fake(Kubectl):
        def run(self, *arguments: str, text: str | None = None) -> str:
            assert text is None
            items = answers(clock.now) if "daemonsets,deployments" in arguments else []
            if items is None:
                raise TaskError("the cluster does not answer")
            return json.dumps({"items": items})

    environment = {
        "MULTUS_NAMESPACE": "x",
        "MULTUS_WORKLOADS": "DaemonSet/multus",
        "MULTUS_TIMEOUT": str(timeout),
    }
    return wait(Fake([], {}), environment, clock, clock.sleep), clock.now


def test_waits_and_says_only_what_changes(capsys: pytest.CaptureFixture[str]) -> None:
    said, took = waiting(lambda now: [daemon_set(2, 0 if now < 6 else 1 if now < 12 else 2)])
    assert (said, took) == ("ready: DaemonSet/multus", 12)
    assert capsys.readouterr().out.splitlines() == [
        "DaemonSet/multus: 0 of 2 pods are ready",
        "DaemonSet/multus: 1 of 2 pods are ready",
    ]


def test_an_api_server_may_be_away_for_a_while() -> None:
    assert waiting(lambda now: None if now < 10 else [daemon_set()])[1] == 10


def test_the_last_look_is_at_the_deadline() -> None:
    assert waiting(lambda now: [daemon_set(1, int(now >= 29))], timeout=29)[1] == 29
    with pytest.raises(TaskError, match="Multus is not ready after 29 s"):
        waiting(lambda now: [daemon_set(1, int(now > 29))], timeout=29)


def test_ownership_and_states() -> None:
    mine, other = pod("a"), pod("b", "x")
    free = {"metadata": {"name": "c"}, "status": {}}
    assert owned([mine, other, free], daemon_set(), []) == [mine]
    assert problems(["Deployment/multus"], [daemon_set()]) == {
        "Deployment/multus": "does not exist"
    }
    assert state_of({"status": {"phase": "Pending"}}) == (None, "phase Pending", False)
    assert state_of({}) == (None, "phase unknown", False)
    assert container_state({"name": "x"}) == ("x", "unknown", False)
