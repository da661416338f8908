"""The stack prod as it is: its nodes have the file that makes pods wait, or nothing changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.fail_closed import LABEL, NAME
from testbed.cluster import Cluster
from testbed.engine import Workspace
from tests.engine.conftest import MakeWorkspace
from tests.engine.program import live
from tests.engine.program.conftest import TIMEOUT_SECONDS, ChartSettings

CONF = "/var/lib/rancher/k3s/agent/etc/cni/net.d"
MARK = f"{LABEL}=var.lib.rancher.k3s.agent.etc.cni.net.d"


@pytest.fixture
def prod(workspace: MakeWorkspace, cluster: Cluster, chart: ChartSettings) -> Iterator[Workspace]:
    """As committed but for `protect`; no node has the label before and after."""
    checkout = workspace(cluster=cluster)
    settings = {"chart": chart(), "timeout": TIMEOUT_SECONDS, "protect": False}
    checkout.configure("prod", settings)
    yield checkout
    label(cluster, f"{LABEL}-")


def label(cluster: Cluster, change: str, *nodes: str) -> None:
    cluster.kubectl("label", "--overwrite", "nodes", *(nodes or ["--all"]), change)


def test_whole_life(cluster: Cluster, prod: Workspace) -> None:
    label(cluster, MARK, "node-1")
    result = prod.preview("prod")
    assert not result.ok
    (error,) = result.errors
    assert "node-2, node-3 do not have the file" in error
    assert "multus-k3s node-files STACK" in error

    label(cluster, MARK)
    assert prod.up("prod").check().summary == {"create": 12}
    assert prod.preview("prod").check().changes == ()

    before, workloads = live.uids(cluster), live.workloads(cluster)
    result = prod.destroy("prod")
    assert not result.ok
    said = "\n".join(result.errors)
    assert "nothing was removed: pods on node-1, node-2, node-3 wait for Multus" in said
    assert f"{CONF}/{NAME}" in said
    assert f"kubectl label nodes --all {LABEL}-" in said
    assert (live.uids(cluster), live.workloads(cluster)) == (before, workloads)

    prod.destroy("prod", env={"MULTUS_LEAVE_NODES": "true"}).check()
    assert live.workloads(cluster) == set()


def test_a_stack_that_does_not_ask_is_warned(cluster: Cluster, prod: Workspace) -> None:
    label(cluster, MARK)
    plain = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
    prod.configure("prod", {"cluster": plain})
    (warning,) = prod.preview("prod").check().warnings
    assert "pods on node-1, node-2, node-3 wait while Multus is away" in warning
