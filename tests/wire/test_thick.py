"""The thick plugin on the standard directories: a daemon on each node, which a shim calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from testbed.node.layout import Layout
from testbed.node.node import SYSTEM, Node
from tests.wire.declared import macvlan
from tests.wire.deployed import K3S, Deployed

LAN: Final = macvlan("lan", {"type": "whereabouts", "range": "192.168.20.0/24"})
SHIM: Final = "/opt/cni/bin/multus-shim"
CONF: Final = "/etc/cni/net.d"


@pytest.fixture(scope="module")
def stack(declared: Callable[..., Deployed]) -> Deployed:
    cluster = {**K3S, "flannel": False}
    made = declared(cluster=cluster, thickPlugin=True, ipam="whereabouts", networks=[LAN])
    made.start_nodes(lambda: Layout(flannel=False), settled=False)
    made.up()
    return made


@pytest.fixture
def nodes(stack: Deployed) -> Iterator[list[Node]]:
    yield stack.nodes
    stack.stop_pods()


def configured(node: Node) -> bool:
    """Whether the daemon has told the runtime of itself."""
    return node.space.path(f"{CONF}/00-multus.conf").exists()


def test_pods_of_two_nodes_meet(stack: Deployed, nodes: list[Node]) -> None:
    one, other = stack.pods(nodes, "default/lan")
    assert all(node.space.path(SHIM).exists() and configured(node) for node in nodes)
    [there] = other.addresses("net1")
    one.reach(other, there.ip)
    assert stack.doctor() == []


def test_while_the_daemon_is_away_pods_start_without_their_networks(
    stack: Deployed, nodes: list[Node]
) -> None:
    """As with the thin plugin: it takes its configuration along (`Start` in
    pkg/server/config/manager.go). Doctor says whom that met.
    """
    node = nodes[0]
    with stack.without_multus():
        stack.cluster.wait_for(
            lambda: not stack.cluster.items("pods", "-n", SYSTEM, "-l", "app=rke2-multus"),
            "Multus to be gone",
        )
        assert not configured(node)
        pod = stack.pod(node, "default/lan")
        assert "net1" not in pod.links()
    [found] = stack.doctor()
    assert (found["check"], found["subject"]) == ("missed", f"default/{pod.name}")
    assert "net1" in stack.pod(node, "default/lan").links()
