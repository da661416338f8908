"""host-local: addresses from what the stack said, on macvlan and bridge, in both families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from testbed.node.cni import CniError
from testbed.node.node import Node
from tests.wire.deployed import Deployed

COUNTED = "/run/cni/networks"
SHARED = {"type": "host-local"}
ALLOW = ["host-local-on-several-nodes"]
NETWORKS: Sequence[Mapping[str, Any]] = (
    {
        "name": "lan",
        "allow": ALLOW,
        "type": "macvlan",
        "master": "eth1",
        "mtu": 1400,
        "ipam": {
            **SHARED,
            "subnet": "192.168.10.0/24",
            "rangeStart": "192.168.10.100",
            "rangeEnd": "192.168.10.101",
            "gateway": "192.168.10.1",
            "routes": [{"dst": "172.30.0.0/16"}, {"dst": "172.31.0.0/16", "gw": "192.168.10.2"}],
        },
    },
    {
        "name": "six",
        "allow": ALLOW,
        "type": "macvlan",
        "master": "eth1",
        "ipam": {
            **SHARED,
            "subnet": "fd00:10::/64",
            "rangeStart": "fd00:10::a",
            "rangeEnd": "fd00:10::b",
            "routes": [{"dst": "fd00:99::/64", "gw": "fd00:10::1"}],
        },
    },
    {
        "name": "dual",
        "allow": ALLOW,
        "type": "bridge",
        "bridge": "br-dual",
        "isGateway": True,
        "mtu": 1300,
        "ipam": {
            **SHARED,
            "ranges": [
                [{"subnet": "10.20.0.0/24", "gateway": "10.20.0.1"}],
                [{"subnet": "fd00:20::/64", "gateway": "fd00:20::1"}],
            ],
        },
    },
    {
        "name": "few",
        "allow": ALLOW,
        "type": "macvlan",
        "master": "eth2",
        "ipam": {**SHARED, "subnet": "192.168.11.0/29", "gateway": "192.168.11.3"},
    },
)
# What the kernel is to hold: addresses of the first pod, routes, MTU (9000 is the wire's).
HELD: Mapping[str, tuple[list[str], dict[str, str | None], int]] = {
    "lan": (
        ["192.168.10.100/24"],
        {"172.30.0.0/16": "192.168.10.1", "172.31.0.0/16": "192.168.10.2"},
        1400,
    ),
    "six": (["fd00:10::a/64"], {"fd00:99::/64": "fd00:10::1"}, 9000),
    "dual": (["10.20.0.2/24", "fd00:20::2/64"], {}, 1300),
}


@pytest.fixture(scope="module")
def stack(redeployed: Callable[..., Deployed]) -> Deployed:
    return redeployed(ipam="host-local", networks=list(NETWORKS))


@pytest.fixture
def nodes(stack: Deployed) -> Iterator[list[Node]]:
    """Two on which no address has been handed out, as far as host-local remembers."""
    for node in stack.nodes:
        node.space.check("sh", "-c", f"rm -rf {COUNTED}/*")
    yield stack.nodes
    stack.stop_pods()


def reservations(node: Node, network: str) -> set[str]:
    folder = node.space.path(f"{COUNTED}/default.{network}")
    return {file.name for file in folder.iterdir()} - {"lock"} if folder.exists() else set()


@pytest.mark.parametrize("name", HELD)
def test_a_pod_has_what_its_network_says(name: str, stack: Deployed, nodes: list[Node]) -> None:
    node, addresses, routes, mtu = nodes[0], *HELD[name]
    pod = stack.pod(node, f"default/{name}")
    links = pod.links()
    assert set(links) == {"lo", "eth0", "net1"}
    assert links["net1"]["mtu"] == mtu
    assert pod.addresses() == [ip_interface(address) for address in addresses]
    assert pod.routes() == routes
    assert pod.addresses("eth0")[0].ip in node.subnet
    default, net1 = pod.status()
    assert default["default"] is True
    assert (net1["name"], net1["interface"]) == (f"default/{name}", "net1")
    assert net1["ips"] == [address.partition("/")[0] for address in addresses]
    pod.check()
    # The control: CHECK does look. Multus checks the default network and passes over net1.
    pod.lose_addresses("eth0")
    with pytest.raises(CniError, match="eth0"):
        pod.check()


@pytest.mark.parametrize("name", HELD)
def test_nothing_is_left_of_a_pod(name: str, stack: Deployed, nodes: list[Node]) -> None:
    node = nodes[0]
    first = stack.pod(node, f"default/{name}")
    first.stop()  # which leaves the bridges that plugins make once for all pods
    before = node.links()
    pod = stack.pod(node, f"default/{name}")
    held = {str(address.ip) for address in pod.addresses()}
    assert held <= reservations(node, name)  # the control: this is where they are counted
    pod.stop()
    assert not reservations(node, name) & held
    assert node.links() == before
    assert not pod.network.exists()


def test_the_gateway_is_the_nodes_and_no_pods(stack: Deployed, nodes: list[Node]) -> None:
    pods = stack.pods([nodes[0]] * 5, "default/few")
    got = {pod.addresses()[0].ip for pod in pods}
    assert got == {ip_address(f"192.168.11.{last}") for last in (1, 2, 4, 5, 6)}
    with pytest.raises(CniError, match="no IP addresses available in range set"):
        stack.pod(nodes[0], "default/few")
    assert len(nodes[0].namespaces()) == len(pods)
    freed = pods[0].addresses()
    pods[0].stop()
    assert stack.pod(nodes[0], "default/few").addresses() == freed

    stack.pod(nodes[0], "default/dual")
    bridge = nodes[0].addresses("br-dual")
    assert {ip_interface("10.20.0.1/24"), ip_interface("fd00:20::1/64")} <= set(bridge)


def test_pods_of_one_bridge_reach_each_other_and_their_gateway(
    stack: Deployed, nodes: list[Node]
) -> None:
    one, two = (stack.pod(nodes[0], "default/dual") for _ in range(2))
    for mine, other in zip(one.addresses(), two.addresses(), strict=True):
        assert one.reach(two, other.ip) == mine.ip
    # The control: a bridge without a port on the wire ends at the node.
    stack.pod(nodes[1], "default/dual").stop()
    stack.pod(nodes[1], "default/dual").stop()
    far = stack.pod(nodes[1], "default/dual")
    with pytest.raises(OSError, match=r"timed out|No route"):
        one.reach(far, far.addresses()[0].ip)
