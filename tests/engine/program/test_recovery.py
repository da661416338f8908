"""Runs that end in their middle, and the commands of the runbook that bring the stack on.

Each way to end is tried in an install, an upgrade across the move of the CRDs, and a destroy, at
one of three points each: when something of the operation is seen in the cluster.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.operations import OperationError, Running
from testbed.processes import descendants, send
from testbed.results import Result
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings, MakeProgram
from tests.engine.program.test_adopting import helm
from tests.engine.program.test_drift import IN, SETTINGS, drift

STACK: Final = "staging"
PROVIDER: Final = "pulumi-resource-kubernetes"


def revisions(cluster: Cluster) -> dict[str, str]:
    """Status of each revision of each release, by the name of Helm's record."""
    found = cluster.items("secrets", *IN, "-l", "owner=helm")
    return {one["metadata"]["name"]: one["metadata"]["labels"]["status"] for one in found}


def has(record: str) -> Callable[[Cluster], bool]:
    return lambda cluster: f"sh.helm.release.v1.{record}" in revisions(cluster)


POINTS: Final[dict[str, tuple[Callable[[Cluster], bool], ...]]] = {
    "install": (
        has("multus.v1"),
        lambda cluster: live.crds(cluster) != set(),
        lambda cluster: live.workloads(cluster) != set(),
    ),
    "upgrade": (
        has("multus-crd.v1"),
        has("multus.v2"),
        lambda cluster: "multus-hold" in str(live.workloads(cluster)),
    ),
    "destroy": (
        lambda cluster: not live.workloads(cluster),
        lambda cluster: not revisions(cluster),
        lambda cluster: not live.networks(cluster),
    ),
}


def providers(running: Running) -> set[int]:
    return {
        pid
        for pid in descendants(running.process.pid)
        if PROVIDER in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    }


def end(how: str, running: Running) -> None:
    """End it; what it says then is no matter."""
    match how:
        case "machine lost":
            running.kill()
        case "provider killed":
            send(providers(running), signal.SIGKILL)
        case "ctrl-C":
            running.interrupt()
    try:
        running.wait()
    except OperationError:
        assert how == "machine lost"


def go_on(checkout: Workspace, cluster: Cluster, tools: Tools, run: Callable[..., Result]) -> int:
    """As docs/runbook.md has it under "A run was killed"; how many commands it took."""
    commands = 1
    result = run(STACK, refresh=True)
    if "the stack is currently locked" in result.stderr + result.stdout:
        assert checkout.cli("cancel", "--yes", "--stack", STACK).returncode == 0
        commands += 1
        result = run(STACK, refresh=True)
    said = "".join(result.errors)
    if "another operation (install/upgrade/rollback)" in said or "cannot re-use a name" in said:
        stuck = {name: one for name, one in revisions(cluster).items() if "pending" in one}
        assert stuck or "cannot re-use a name" in said
        name = "multus"
        older = len([one for one in revisions(cluster) if f".{name}.v" in one]) > 1
        helm(tools, cluster, "rollback" if older else "uninstall", name)
        commands += 1
        result = run(STACK, refresh=True)
    result.check()
    return commands


def pending(checkout: Workspace) -> list[Any]:
    """What the engine does not know to be done; of a create without an ID it never will."""
    found: list[Any] = checkout.state(STACK)["deployment"].get("pending_operations") or []
    return found


HOW: Final = ("machine lost", "provider killed", "ctrl-C")


@pytest.mark.parametrize("how", HOW)
def test_a_run_that_ended_in_its_middle_goes_on(
    how: str,
    cluster: Cluster,
    program: MakeProgram,
    chart: ChartSettings,
    tools: Tools,
) -> None:
    settings: dict[str, Any] = {**SETTINGS, "chart": chart(IN_CHART)}
    took: dict[str, int] = {}
    checkout = program(STACK, cluster, **settings)
    networks: dict[str, str] = {}
    for number, (operation, points) in enumerate(POINTS.items()):
        if operation == "upgrade":
            networks = live.uids(cluster)
            checkout.configure(STACK, {"chart": chart(SPLIT)})
        last = operation == "destroy"
        running = checkout.start("destroy" if last else "up", STACK)
        point = points[(number + HOW.index(how)) % len(points)]
        cluster.wait_for(lambda: point(cluster), f"the point of {operation}", 120)  # noqa: B023
        end(how, running)
        took[operation] = go_on(checkout, cluster, tools, checkout.destroy if last else checkout.up)
        if pending(checkout):
            clear = ("refresh", "--clear-pending-creates", "--yes", "--stack", STACK)
            assert (done := checkout.cli(*clear)).returncode == 0, done.stderr
            took[operation] += 1
        if last:
            assert live.workloads(cluster) == set()
            assert revisions(cluster) == {}
            assert checkout.state(STACK)["deployment"].get("resources", []) == []
            continue
        # Neither more nor less than the file says, and nothing pending.
        assert checkout.preview(STACK).check().changes == ()
        assert drift(checkout) == (0, "nothing is wrong\n"), operation
        assert {*revisions(cluster).values()} <= {"deployed", "superseded"}
        assert not pending(checkout)
        if networks:
            assert live.uids(cluster) == networks
    assert max(took.values()) <= 3
