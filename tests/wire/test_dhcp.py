"""DHCP from a server on the wire, and static beside it, as the stack staging has both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Interface, ip_interface
from typing import Any, Final

import pytest

from testbed.node.dhcp import DhcpServer
from testbed.node.node import Node
from tests.wire.declared import annotation
from tests.wire.deployed import Deployed

OWN = IPv4Interface("192.168.30.1/24")
DHCP = {"type": "dhcp", "provide": [{"option": "host-name", "fromArg": "K8S_POD_NAME"}]}
NETWORKS: Final[list[dict[str, Any]]] = [
    {
        "name": "office",
        "type": "macvlan",
        "master": "eth1",
        "mtu": 1400,
        "capabilities": ["mac"],
        "ipam": DHCP,
    },
    {"name": "first", "type": "macvlan", "master": "eth1", "ipam": {"type": "dhcp", "priority": 0}},
    {"name": "bridged", "type": "bridge", "bridge": "br-office", "ipam": DHCP},
    {
        "name": "printer",
        "type": "macvlan",
        "master": "eth1",
        "ipam": {
            "type": "static",
            "addresses": [
                {"address": "192.168.30.9/24", "gateway": "192.168.30.1"},
                {"address": "fd00:30::9/64", "gateway": "fd00:30::1"},
            ],
            "routes": [
                {"dst": "172.30.0.0/16", "gw": "192.168.30.1"},
                {"dst": "fd00:99::/64", "gw": "fd00:30::1"},
            ],
        },
    },
    {
        "name": "still",
        "type": "bridge",
        "bridge": "br-still",
        "mtu": 1300,
        "ipam": {"type": "static", "addresses": [{"address": "10.31.0.5/24"}]},
    },
]
BOTH = ("office", "bridged")
MAC = "02:00:5e:10:00:07"


@pytest.fixture(scope="module")
def stack(redeployed: Callable[..., Deployed]) -> Deployed:
    return redeployed(ipam="dhcp", networks=NETWORKS)


@pytest.fixture(scope="module")
def bridged(stack: Deployed) -> Iterator[list[Node]]:
    """Each with a bridge that has the second wire as a port, which is the administrator's work."""
    for node in stack.nodes:
        node.space.check("ip", "link", "add", "br-office", "type", "bridge", "forward_delay", "0")
        node.space.check("ip", "link", "set", "br-office", "up")
        node.space.check("ip", "link", "set", "eth2", "master", "br-office")
    for wire in ("eth1", "eth2"):
        stack.lan.space.check("ip", "address", "add", str(OWN), "dev", wire)
    yield stack.nodes
    for wire in ("eth1", "eth2"):
        stack.lan.space.check("ip", "address", "del", str(OWN), "dev", wire)
    for node in stack.nodes:
        node.space.check("ip", "link", "delete", "br-office")


@pytest.fixture
def nodes(stack: Deployed, bridged: list[Node]) -> Iterator[list[Node]]:
    yield bridged
    stack.stop_pods()


@pytest.fixture
def servers(stack: Deployed, nodes: list[Node]) -> Iterator[dict[str, DhcpServer]]:
    """By network: one server on each wire, with three addresses."""
    assert nodes
    space = stack.lan.space
    limits = ("192.168.30.100", "192.168.30.102")
    with (
        DhcpServer(space.network, "eth1", OWN, *limits) as first,
        DhcpServer(space.network, "eth2", OWN, *limits) as second,
    ):
        yield {"office": first, "bridged": second}


@pytest.mark.parametrize("name", BOTH)
def test_an_address_is_leased_and_given_back_but_for_a_bridges(
    name: str, stack: Deployed, nodes: list[Node], servers: dict[str, DhcpServer]
) -> None:
    server = servers[name]
    pod = stack.pod(nodes[0], f"default/{name}")
    links = pod.links()
    assert set(links) == {"lo", "eth0", "net1"}
    assert links["net1"]["mtu"] == (1400 if name == "office" else 1500)
    assert pod.addresses() == [ip_interface("192.168.30.100/24")]
    # The server sees the pod under its own name.
    assert [lease.host_name for lease in server.leases.values()] == [pod.name]
    assert pod.status()[1]["ips"] == ["192.168.30.100"]
    pod.check()
    pod.stop()
    assert not pod.network.exists()
    if name == "office":
        stack.cluster.wait_for(lambda: bool(server.released), "the release", 5)
        assert server.leases == {}
        assert server.released == [IPv4Address("192.168.30.100")]
        return
    # The plugin `bridge` takes the interface away before the daemon could tell the server: there
    # the lease ends by its time alone. If this fails, the plugins have learnt it.
    stack.cluster.wait_for(
        lambda: "failed to release DHCP lease" in nodes[0].log("multus-dhcp"),
        "the daemon's message",
        5,
    )
    assert server.released == []


def test_the_server_sees_the_mac_address_that_a_pod_brings(
    stack: Deployed, nodes: list[Node], servers: dict[str, DhcpServer]
) -> None:
    """So that it can keep an address for that pod, on whatever node it runs."""
    for node in nodes:
        pod = node.pod(networks=annotation(NETWORKS[0], mac=MAC))
        pod.start()
        assert [lease.mac for lease in servers["office"].leases.values()] == [MAC]
        pod.stop()
        stack.cluster.wait_for(lambda: not servers["office"].leases, "the release", 5)
    other = stack.pod(nodes[0], "default/office")  # the control arm
    assert MAC not in [lease.mac for lease in servers["office"].leases.values()]
    other.stop()


@pytest.mark.parametrize("name", BOTH)
def test_pods_on_two_nodes_reach_each_other(
    name: str, stack: Deployed, nodes: list[Node], servers: dict[str, DhcpServer]
) -> None:
    here, there = (stack.pod(node, f"default/{name}") for node in nodes)
    [ours], [theirs] = here.addresses(), there.addresses()
    assert {ours.ip, theirs.ip} == set(servers[name].leases)
    assert here.reach(there, theirs.ip) == ours.ip


def test_the_pods_default_route_stays_before_the_servers(
    stack: Deployed, nodes: list[Node], servers: dict[str, DhcpServer]
) -> None:
    assert servers
    pod = stack.pod(nodes[0], "default/office")
    own = (str(nodes[0].subnet[1]), 0)
    assert pod.default_routes() == [own, (str(OWN.ip), 100)]
    # The control arm: with the plugin's own metric the server's comes first.
    other = stack.pod(nodes[0], "default/first")
    assert other.default_routes() == [(str(OWN.ip), 0), own]


def test_static_gives_what_is_written_down(stack: Deployed, nodes: list[Node]) -> None:
    pod = stack.pod(nodes[0], "default/printer")
    assert pod.addresses() == [ip_interface("192.168.30.9/24"), ip_interface("fd00:30::9/64")]
    assert pod.routes() == {"172.30.0.0/16": "192.168.30.1", "fd00:99::/64": "fd00:30::1"}
    still = stack.pod(nodes[0], "default/still")
    assert still.addresses() == [ip_interface("10.31.0.5/24")]
    assert still.links()["net1"]["mtu"] == 1300
    before = nodes[0].links()
    still.stop()
    assert len(before - nodes[0].links()) == 2  # the pods' ends on the node: of net1 and of eth0
    pod.stop()
    assert not pod.network.exists()
