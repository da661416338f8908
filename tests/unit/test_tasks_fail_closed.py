"""`destroy` asks the nodes whether they wait for Multus."""

from __future__ import annotations

import json
import re

import pytest

from components.cluster_tasks.fail_closed import check
from components.cluster_tasks.kubectl import Kubectl, TaskError

LABEL = "multus-k3s/fail-closed"
UNDO = {"MULTUS_UNDO": "1", "MULTUS_LABEL": LABEL, "MULTUS_FILE": "/etc/cni/net.d/wait"}


class Nodes(Kubectl):
    """Has these nodes with the label."""

    def __init__(self, *names: str) -> None:
        super().__init__([], {})
        self.names = names

    def run(self, *arguments: str) -> str:
        assert arguments == ("get", "nodes", "--selector", LABEL, "-o", "json")
        return json.dumps({"items": [{"metadata": {"name": name}} for name in self.names]})


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "pods on a wait"),
        (["a", "b\x1b[31m"], "pods on a, b wait"),
        ([*"abcdefg"], "pods on a, b, c, d, e and 2 more wait"),
    ],
)
def test_it_refuses_with_the_steps(names: list[str], said: str) -> None:
    with pytest.raises(TaskError, match=re.escape(said)) as raised:
        check(Nodes(*names), UNDO)
    text = str(raised.value)
    assert "\n" not in text
    assert "remove /etc/cni/net.d/wait" in text
    assert f"kubectl label nodes --all {LABEL}-" in text
    assert "MULTUS_LEAVE_NODES=true pulumi destroy" in text


def test_it_goes_on_where_no_node_waits_or_nobody_cares() -> None:
    assert check(Nodes(), UNDO) == "no node waits for Multus"
    assert "left as they are" in check(Nodes("a"), {**UNDO, "MULTUS_LEAVE_NODES": "true"})
    assert "will ask" in check(Nodes("a"), {})
