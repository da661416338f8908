"""Whereabouts: addresses that no other pod in the cluster has, never the gateway's or excluded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from testbed.node.cni import CniError
from testbed.node.node import Node
from testbed.node.pod import REFUSED, Pod
from testbed.objects import network
from tests.engine.program import live
from tests.wire import pools
from tests.wire.deployed import Deployed

NETWORKS: Sequence[Mapping[str, Any]] = (
    {
        "name": "flat",
        "type": "macvlan",
        "master": "eth1",
        "mtu": 1400,
        "ipam": {
            "type": "whereabouts",
            "range": "192.168.20.0/28",
            "rangeStart": "192.168.20.2",
            "rangeEnd": "192.168.20.9",
            "exclude": ["192.168.20.4/31"],
            "gateway": "192.168.20.6",
            "routes": [{"dst": "172.30.0.0/16", "gw": "192.168.20.6"}],
        },
    },
    {
        "name": "listed",
        "type": "macvlan",
        "master": "eth1",
        "ipam": {
            "type": "whereabouts",
            "gateway": "192.168.21.1",
            "ipRanges": [{"range": "192.168.21.0/29", "exclude": ["192.168.21.3"]}],
        },
    },
    {
        "name": "dual",
        "type": "bridge",
        "bridge": "br-dual",
        "ipam": {
            "type": "whereabouts",
            "ipRanges": [
                {"range": "192.168.22.0/29", "rangeStart": "192.168.22.2"},
                {"range": "fd00:22::/125", "exclude": ["fd00:22::1", "fd00:22::3"]},
            ],
        },
    },
    {
        "name": "six",
        "type": "macvlan",
        "master": "eth2",
        "ipam": {
            "type": "whereabouts",
            "range": "fd00:23::/124",
            "gateway": "fd00:23::1",
            "exclude": ["fd00:23::8/125"],
        },
    },
    {
        "name": "crowd",
        "type": "macvlan",
        "master": "eth2",
        "ipam": {
            "type": "whereabouts",
            "range": "10.64.0.0/24",
            "rangeStart": "10.64.0.10",
            "rangeEnd": "10.64.0.41",
        },
    },
)
# What each can hand out, address by address, in each of its ranges.
GIVEN = {
    "flat": [{f"192.168.20.{last}/28" for last in (2, 3, 7, 8, 9)}],
    "listed": [{f"192.168.21.{last}/29" for last in (2, 4, 5, 6)}],
    "dual": [
        {f"192.168.22.{last}/29" for last in (2, 3, 4, 5, 6)},
        {f"fd00:22::{last}/125" for last in (2, 4, 5, 6)},
    ],
    "six": [{f"fd00:23::{last:x}/124" for last in range(2, 8)}],
}
CROWD = 32
SUCCEEDED = "reconciler run succeeded"
FULL = "Could not allocate IP in range"


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="whereabouts", networks=list(NETWORKS))


@pytest.fixture
def nodes(stack: Deployed) -> Iterator[list[Node]]:
    """Two nodes. After each test DEL has run for its pods, and nothing is counted as taken."""
    yield stack.living_nodes()
    stack.stop_pods()
    assert pools.held(stack.cluster) == {}
    assert pools.reservations(stack.cluster) == {}


def alternating(stack: Deployed, nodes: list[Node], count: int, network: str) -> list[Pod]:
    return stack.pods(nodes * (count // len(nodes)), network)


@pytest.mark.parametrize("name", GIVEN)
def test_every_address_is_handed_out_once_and_no_other(
    name: str, stack: Deployed, nodes: list[Node]
) -> None:
    wanted = GIVEN[name]
    size = min(len(addresses) for addresses in wanted)
    pods = stack.pods([nodes[number % 2] for number in range(size)], f"default/{name}")
    got = [pod.addresses() for pod in pods]
    for family, addresses in enumerate(wanted):
        held = [found[family] for found in got]
        assert len(set(held)) == size
        assert set(held) <= {ip_interface(address) for address in addresses}
    assert stack.outputs["networks"][f"default/{name}"]["capacity"] == size
    assert pools.held(stack.cluster) == {
        address.ip: f"default/{pod.name}"
        for pod, found in zip(pods, got, strict=True)
        for address in found
    }

    with pytest.raises(CniError, match=FULL):
        stack.pod(nodes[0], f"default/{name}")
    pods[0].stop()
    assert stack.pod(nodes[1], f"default/{name}").addresses() == got[0]


def test_a_pod_has_what_its_network_says(stack: Deployed, nodes: list[Node]) -> None:
    pod = stack.pod(nodes[0], "default/flat")
    links = pod.links()
    assert set(links) == {"lo", "eth0", "net1"}
    assert links["net1"]["mtu"] == 1400
    assert pod.routes() == {"172.30.0.0/16": "192.168.20.6"}
    assert pod.status()[1]["ips"] == [str(pod.addresses()[0].ip)]
    address = pod.addresses()[0].ip
    assert pools.reservations(stack.cluster) == {address: f"default/{pod.name}"}
    pod.check()
    pod.stop()
    assert not pod.network.exists()


@pytest.mark.parametrize("name", ["flat", "six"])
def test_pods_on_two_nodes_reach_each_other(name: str, stack: Deployed, nodes: list[Node]) -> None:
    here, there = (stack.pod(node, f"default/{name}") for node in nodes)
    [ours], [theirs] = here.addresses(), there.addresses()
    assert here.reach(there, theirs.ip) == ours.ip
    assert there.reach(here, ours.ip) == theirs.ip


def test_without_the_programs_exclusion_the_gateway_is_a_pods(
    stack: Deployed, nodes: list[Node]
) -> None:
    """The control arm: the same network as the plugin's own documentation writes it."""
    found = live.networks(stack.cluster)["default/listed"]
    (entry,) = found["ipam"]["ipRanges"]
    assert entry["exclude"] == ["192.168.21.3/32", "192.168.21.1/32"]
    entry["exclude"] = ["192.168.21.3/32"]
    config = {**found, "name": "control"}
    stack.cluster.apply(network("control", json.dumps(config)))
    pod = nodes[0].pod(networks="default/control")
    pod.start()
    assert pod.addresses() == [ip_interface("192.168.21.1/29")]


def test_a_crowd_gets_every_address_of_a_range_of_its_size(
    stack: Deployed, nodes: list[Node]
) -> None:
    assert stack.outputs["networks"]["default/crowd"]["capacity"] == CROWD
    pods = alternating(stack, nodes, CROWD, "default/crowd")
    got = [pod.addresses()[0].ip for pod in pods]
    assert len(set(got)) == CROWD
    assert set(got) == {ip_address("10.64.0.10") + number for number in range(CROWD)}
    by_address = {pod.addresses()[0].ip: f"default/{pod.name}" for pod in pods}
    assert pools.held(stack.cluster) == by_address

    late = nodes[0].pod(networks=stack.annotation("default/crowd"))
    late.create()
    stack.cluster.wait_for(lambda: FULL in "".join(late.events(REFUSED)), "a refusal")
    found = {(one["check"], one["subject"]): one["command"] for one in stack.doctor()}
    assert found.keys() == {("pool", "default/crowd"), ("waiting", f"default/{late.name}")}
    assert {*found.values()} == {"widen the range in the stack file, and pulumi up"}
    late.stop()
    free = pods[7].addresses()
    pods[7].stop()
    assert stack.pod(nodes[0], "default/crowd").addresses() == free


def test_the_control_loop_frees_what_a_forced_delete_leaves(
    stack: Deployed, nodes: list[Node]
) -> None:
    """The object is gone while the kubelet is away, so no DEL comes; the DaemonSet sees it."""
    # On a fresh node the plugin is there before the control loop watches.
    stack.cluster.wait_for(
        lambda: "starting network controller" in nodes[0].log("whereabouts"), "the control loop"
    )
    pod, other = (stack.pod(nodes[0], "default/flat") for _ in range(2))
    [address], [kept] = pod.addresses(), other.addresses()
    assert set(pools.held(stack.cluster)) == {address.ip, kept.ip}
    nodes[0].stop_kubelet()
    try:
        pod.remove()
        stack.cluster.wait_for(
            lambda: set(pools.held(stack.cluster)) == {kept.ip}, "the control loop to free it", 30
        )
    finally:
        nodes[0].start_kubelet()
    assert other.addresses() == [kept]


def test_the_reconciler_frees_what_a_dead_node_and_a_forced_delete_left_and_nothing_else(
    stack: Deployed, nodes: list[Node]
) -> None:
    pods = alternating(stack, nodes, 12, "default/crowd")
    living, lost = pods[::2], pods[1::2]
    alive = {pod.addresses()[0].ip for pod in living}
    leaked = {pod.addresses()[0].ip for pod in lost}
    nodes[1].power_off()
    # The control: nobody has freed anything. Its reconciler may have been there.
    lost[0].remove()
    assert set(pools.held(stack.cluster)) == alive | leaked
    stack.cluster.remove_nodes(nodes[1].name)
    assert set(pools.held(stack.cluster)) == alive | leaked
    stale = {one["subject"] for one in stack.doctor() if one["check"] == "stale"}
    assert stale == {str(address) for address in leaked}

    schedule = {"data": {"cron-expression": "@every 1s"}}
    stack.cluster.kubectl(
        *("patch", "-n", "kube-system", "configmap", "whereabouts-config"),
        *("--patch", json.dumps(schedule)),
    )
    reconciler = ("-n", "kube-system", "deployment/whereabouts-reconciler")
    stack.cluster.kubectl("rollout", "restart", *reconciler)
    stack.cluster.kubectl("rollout", "status", *reconciler, "--timeout=60s", timeout=70)
    stack.cluster.wait_for(
        lambda: not leaked & set(pools.held(stack.cluster)), "the leak to be freed", 30
    )

    def runs() -> int:
        return stack.cluster.kubectl("logs", *reconciler).count(SUCCEEDED)

    until = runs() + 3
    stack.cluster.wait_for(lambda: runs() >= until, "three more runs", 30)
    assert set(pools.held(stack.cluster)) == alive == set(pools.reservations(stack.cluster))
    assert {pod.addresses()[0].ip for pod in living} == alive
