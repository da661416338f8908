"""host-local: addresses from what the stack said, on macvlan and bridge, in both families."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_interface

import pytest

from testbed.node.node import Node
from tests.wire.deployed import Deployed

SHARED = {"type": "host-local", "allowMultiNode": True}
NETWORKS = [
    {
        "name": "lan",
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
]


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    found = deployed(ipam="host-local", networks=NETWORKS)
    found.start_nodes()
    return found


@pytest.fixture
def node(stack: Deployed) -> Node:
    return stack.nodes[0]


def test_a_pod_has_what_its_network_says(stack: Deployed, node: Node) -> None:
    pod = stack.pod(node, "default/lan")
    links = pod.links()
    assert set(links) == {"lo", "eth0", "net1"}
    assert links["net1"]["mtu"] == 1400
    assert pod.addresses() == [ip_interface("192.168.10.100/24")]
    assert pod.routes() == {"172.30.0.0/16": "192.168.10.1", "172.31.0.0/16": "192.168.10.2"}
    assert pod.addresses("eth0")[0].ip in ip_interface(f"10.42.{node.k3s.number}.0/24").network
    assert pod.status()[1]["ips"] == ["192.168.10.100"]
    pod.check()
    reserved = node.space.path("/run/cni/networks/default.lan")
    assert ip_address("192.168.10.100") in {
        ip_address(file.name) for file in reserved.iterdir() if file.name[0].isdigit()
    }
    pod.stop()
    assert not (reserved / "192.168.10.100").exists()
