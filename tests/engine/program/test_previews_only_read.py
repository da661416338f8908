"""A preview changes nothing, by the API server's own log; and a user that may only read can run it.

Each stack is deployed, then changed in all that it can: its networks, and the chart's version.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.tools import Tools
from tests.engine.conftest import NODES
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings, MakeProgram, account
from tests.engine.program.test_plan import Run, cli, plan
from tests.stacks.files import ROOT, STACKS

__all__ = ["cli", "plan"]  # fixtures

ROLE: Final = yaml.safe_load(
    (ROOT / "docs" / "preflight-clusterrole.yaml").read_text(encoding="utf-8")
)
# They ask what may be done, and nothing is kept of them.
QUESTIONS: Final = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


@pytest.fixture(scope="module")
def started(tools: Tools) -> Iterator[Cluster]:
    with Cluster.start(tools, audited=True) as found:
        found.add_nodes(NODES)
        yield found


@pytest.fixture
def audited(started: Cluster) -> Iterator[Cluster]:
    leftovers = started.leftovers()
    started.apply(ROLE)
    yield started
    leftovers.remove()


def user(cluster: Cluster, name: str, role: str, file: Path) -> dict[str, str]:
    """An account of its own, which the log tells from the cluster's own programs."""
    return {"KUBECONFIG": str(account(cluster, name, role, file))}


class Log:
    """What the accounts of `user` have written since it was made."""

    def __init__(self, cluster: Cluster) -> None:
        self.plane = cluster.plane
        self.begun = self.plane.audit_log.stat().st_size

    def writes(self) -> list[str]:
        return [
            f"{one['user']['username']} {one['verb']} {one['requestURI']}"
            for one in self.plane.events(self.begun)
            if writes(one)
        ]


def writes(event: dict[str, Any]) -> bool:
    asks = event.get("objectRef", {}).get("resource") in QUESTIONS
    asks |= event["verb"] in ("get", "list", "watch")
    ours = event["user"]["username"].startswith("system:serviceaccount:default:")
    return ours and not asks and "dryRun=All" not in event["requestURI"]


def changed(checkout: Workspace, stack: str, chart: Any) -> None:
    networks = yaml.safe_load(checkout.stack_file(stack).read_text())["config"]["multus:networks"]
    more = {"name": "more", "type": "macvlan", "master": "eth7"}
    checkout.configure(stack, {"chart": chart, "networks": [{**networks[0], "mtu": 1400}, more]})


@pytest.mark.parametrize("stack", STACKS)
def test_a_preview_writes_nothing_but_dry_runs(
    stack: str,
    audited: Cluster,
    program: MakeProgram,
    chart: ChartSettings,
    plan: Run,
    tmp_path: Path,
) -> None:
    reader = user(audited, "reader", ROLE["metadata"]["name"], tmp_path / "r")
    writer = user(audited, "writer", "cluster-admin", tmp_path / "w")
    checkout = program(stack, audited, chart=chart(IN_CHART), protect=False)
    log = Log(audited)
    for who in (writer, reader):
        checkout.preview(stack, env=who).check()
    assert log.writes() == []
    control = Log(audited)
    checkout.up(stack, env=writer).check()
    assert control.writes()
    changed(checkout, stack, chart(SPLIT))
    log = Log(audited)
    for who in (writer, reader):
        status, text = plan(checkout, stack=stack, **who)
        assert (status, "incomplete" in text) == (0, False), text
        assert " deleted, 2 created" in text, text
    assert log.writes() == []
