"""Runs that end in their middle, and the commands of the runbook that bring the stack on.

Each way to end is tried in an install, an upgrade across the move of the CRDs, and a destroy, at
one of three points each: when something of the operation is seen in the cluster.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from components.cluster_tasks.helm_records import KNOWN
from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.operations import OperationError, Running
from testbed.processes import descendants, send
from testbed.results import Result
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings, MakeProgram
from tests.engine.program.test_drift import IN, SETTINGS, drift

STACK: Final = "staging"
TIMEOUT: Final = 30  # seconds, in which Helm could be at work on what has no end
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
    found = set()
    for pid in descendants(running.process.pid):
        with suppress(FileNotFoundError):  # ended since
            if PROVIDER in Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
                found.add(pid)
    return found


def end(how: str, running: Running, cluster: Cluster) -> bool:
    """End it, unless it has ended; what it says then is no matter. Whether there was one to end."""
    ended = running.process.poll() is None
    with cluster.away() if how == "API server away" else nullcontext():
        match how:
            case "machine lost":
                running.kill()
            case "provider killed":
                ended = bool(found := providers(running))
                send(found, signal.SIGKILL)
            case "ctrl-C":
                running.interrupt()
        try:
            running.wait()
        except OperationError:
            assert how == "machine lost"
    return ended


def go_on(checkout: Workspace, run: Callable[..., Result]) -> bool:
    """By the two commands of docs/runbook.md, "A run was killed"; whether it took the first."""
    result = run(STACK, refresh=True)
    if locked := "the stack is currently locked" in result.stderr + result.stdout:
        assert checkout.cli("cancel", "--yes", "--stack", STACK).returncode == 0
        result = run(STACK, refresh=True)
    result.check()
    return locked


def pending(checkout: Workspace) -> list[Any]:
    """What the engine does not know to be done; of a create without an ID it never will."""
    found: list[Any] = checkout.state(STACK)["deployment"].get("pending_operations") or []
    return found


HOW: Final = ("machine lost", "provider killed", "ctrl-C", "API server away")


def live_on(
    how: str,
    cluster: Cluster,
    program: MakeProgram,
    chart: ChartSettings,
    reached: Callable[[str, Running], object],
) -> Counter[str]:
    """An install, an upgrade and a destroy, each ended in its middle and brought to its end.

    reached: returns when it is time to end the operation. What comes back is how many there were
    to end, how many had left a lock, and a warning of creates that the engine cannot know of.
    """
    settings: dict[str, Any] = {**SETTINGS, "chart": chart(IN_CHART), "timeout": TIMEOUT}
    checkout = program(STACK, cluster, **settings)
    networks: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for operation in POINTS:
        if operation == "upgrade":
            networks = live.uids(cluster)
            checkout.configure(STACK, {"chart": chart(SPLIT)})
        last = operation == "destroy"
        running = checkout.start("destroy" if last else "up", STACK)
        reached(operation, running)
        counted["ended"] += end(how, running, cluster)
        counted["locked"] += go_on(checkout, checkout.destroy if last else checkout.up)
        if pending(checkout):
            counted["warned"] += 1
            clear = ("refresh", "--clear-pending-creates", "--yes", "--stack", STACK)
            assert (done := checkout.cli(*clear)).returncode == 0, done.stderr
        if last:
            assert live.workloads(cluster) == set()
            assert revisions(cluster) == {}
            assert checkout.state(STACK)["deployment"].get("resources", []) == []
            continue
        # Neither more nor less than the file says, and nothing pending.
        assert checkout.preview(STACK).check().changes == ()
        assert drift(checkout) == (0, "nothing is wrong\n"), operation
        assert {*revisions(cluster).values()} <= {"deployed", "superseded", "failed"}
        assert not pending(checkout)
        if networks:
            assert live.uids(cluster) == networks
    return counted


@pytest.mark.parametrize("how", HOW)
def test_a_run_that_ended_in_its_middle_goes_on(
    how: str, cluster: Cluster, program: MakeProgram, chart: ChartSettings
) -> None:
    def reached(operation: str, _: Running) -> None:
        points = POINTS[operation]
        point = points[([*POINTS].index(operation) + HOW.index(how)) % len(points)]
        cluster.wait_for(lambda: point(cluster), f"the point of {operation}", 120)

    assert live_on(how, cluster, program, chart, reached)["ended"] == len(POINTS)


@contextmanager
def updates_of_daemonsets_hang(cluster: Cluster) -> Iterator[None]:
    """The API server asks about each whom it gets no answer from."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook = {
            "name": "silent.multus-testbed.example",
            "clientConfig": {"url": f"https://127.0.0.1:{silent.getsockname()[1]}/"},
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["daemonsets"],
                }
            ],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,  # after which who comes back goes on, too
        }
        kind = "ValidatingWebhookConfiguration"
        group = "admissionregistration.k8s.io/v1"
        named = {"metadata": {"name": "silent"}, "webhooks": [hook]}
        cluster.apply({"apiVersion": group, "kind": kind, **named})
        try:
            yield
        finally:
            cluster.kubectl("delete", kind, "silent")


def test_an_upgrade_whose_end_helm_could_not_write_is_taken_up_again(
    cluster: Cluster,
    program: MakeProgram,
    chart: ChartSettings,
    repository: Repository,
    tools: Tools,
) -> None:
    checkout = program(STACK, cluster, **SETTINGS, chart=chart(IN_CHART), timeout=TIMEOUT)
    checkout.up(STACK).check()
    networks = live.uids(cluster)
    checkout.configure(STACK, {"chart": chart(SPLIT)})
    with updates_of_daemonsets_hang(cluster):
        running = checkout.start("up", STACK)
        cluster.wait_for(lambda: has("multus.v2")(cluster), "Helm's record", 120)
        with cluster.away():
            assert running.wait().errors
    assert revisions(cluster)["sh.helm.release.v1.multus.v2"] == "pending-upgrade"

    # The control arm: neither Helm nor the engine goes on by itself.
    with pytest.raises(subprocess.CalledProcessError) as refused:
        live.helm(tools, cluster, "upgrade", "multus", str(repository.packages[SPLIT].main))
    assert b"another operation (install/upgrade/rollback) is in progress" in refused.value.stderr
    seen = checkout.preview(STACK, refresh=True).check().changes
    assert "multus-release" not in {one.name for one in seen}
    assert "release multus has the status pending-upgrade" in drift(checkout)[1]

    # No plan has the upgrade that takes it up, as docs/runbook.md says.
    plan = str(checkout.path / "plan.json")
    checkout.preview(STACK, plan=plan).check()
    errors = checkout.up(STACK, plan=plan).errors
    assert any("violates plan" in one for one in errors), errors

    assert not go_on(checkout, checkout.up)
    assert revisions(cluster)["sh.helm.release.v1.multus.v2"] == "failed"
    assert checkout.preview(STACK).check().changes == ()
    assert drift(checkout) == (0, "nothing is wrong\n")
    assert live.uids(cluster) == networks


def test_a_release_that_the_engine_did_not_write_down_is_taken_over(
    cluster: Cluster, program: MakeProgram
) -> None:
    """As where the machine is lost in the moment between the end of Helm's install and that."""
    checkout = program(STACK, cluster, **SETTINGS)
    checkout.up(STACK).check()
    networks = live.uids(cluster)
    state = checkout.state(STACK)
    kept: list[Any] = []
    lost: set[str] = set()
    for one in state["deployment"]["resources"]:
        if one["urn"].endswith("::multus-release"):
            creating = {key: one[key] for key in one.keys() - {"id", "outputs", "created"}}
        if one["urn"].endswith("::multus-release") or lost & {*one.get("dependencies", ())}:
            lost.add(one["urn"])
        else:
            kept.append(one)
    state["deployment"] |= {
        "resources": kept,
        "pending_operations": [{"resource": creating, "type": "creating"}],
    }
    file = checkout.path / "state.json"
    file.write_text(json.dumps(state))
    assert checkout.cli("stack", "import", "--stack", STACK, "--file", str(file)).returncode == 0

    # What the engine did not come to: Helm's record is without its mark.
    record = "secret/sh.helm.release.v1.multus.v1"
    cluster.kubectl("label", record, *IN, f"{KNOWN}-")
    assert not go_on(checkout, checkout.up)
    assert checkout.preview(STACK).check().changes == ()
    assert drift(checkout) == (0, "nothing is wrong\n")
    assert live.uids(cluster) == networks
