"""Arguments that a program in Python gives: each call reports all that is wrong with it."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Final

import pytest

from components import K3s, Macvlan, MultusArgs, Selection, Whereabouts, pod_annotation
from components.faults import ArgsError

MINE: Final = Macvlan(name="lan", master="eth1", ipam=Whereabouts(range=ip_network("10.0.0.0/24")))
CLUSTER: Final = K3s(version="v1.34.2+k3s1", nodes="multi")


def test_a_call_reports_all_of_its_faults_each_on_a_line() -> None:
    wrong: dict[str, Any] = {"ipam": "dhcp", "timeout": 5, "protekt": True}
    with pytest.raises(ArgsError) as caught:
        MultusArgs(cluster=CLUSTER, networks=(MINE,), **wrong)
    assert str(caught.value).splitlines() == [
        "MultusArgs has 3 faults:",
        '  protekt is not a known key. Did you mean "protect"?',
        "  timeout is 5, but it must be at least 10",
        '  networks[0].ipam.type is "whereabouts", but the stack deploys dhcp (multus:ipam), so '
        "that is dhcp or static. To have whereabouts too, list it in multus:additionalIpam",
    ]
    assert len(caught.value.faults) == 3


def test_mappings_inside_of_a_call_are_of_that_call() -> None:
    lan = {"name": "Lan", "type": "macvlan", "master": "eth1", "ipam": {"type": "dhcq"}}
    wrong: Any = {"cluster": {"distribution": "k3s", "nodes": "many"}, "networks": [lan]}
    with pytest.raises(ArgsError) as caught:
        MultusArgs(ipam="dhcp", **wrong)
    assert [fault.path for fault in caught.value.faults] == [
        ("cluster", "version"),
        ("cluster", "nodes"),
        ("networks", 0, "name"),
        ("networks", 0, "ipam", "type"),
    ]


def test_an_annotation_reports_all_of_its_faults_too() -> None:
    other = Macvlan(name="lan", master="eth2")
    chosen = [Selection(network=one, interface="eth0") for one in (MINE, other)]
    with pytest.raises(ArgsError) as caught:
        pod_annotation(chosen, CLUSTER, [MINE])
    assert str(caught.value).splitlines() == [
        "pod_annotation has 3 faults:",
        '  selections[1].network is "default/lan", but that is not one of the deployed networks. '
        "Select one as it is in MultusArgs",
        '  selections[0].interface is "eth0", but the pod itself has it. Choose another',
        '  selections[1].interface is "eth0", but the pod itself has it. Choose another',
    ]


def test_a_class_says_its_kind() -> None:
    assert Macvlan(name="lan", master="eth1") == Macvlan(type="macvlan", name="lan", master="eth1")
    other: Any = "vlan"
    with pytest.raises(ArgsError, match='type is "vlan", but it must be "macvlan"'):
        Macvlan(type=other, name="lan", master="eth1")


def test_what_is_nested_beyond_all_reason_is_one_line() -> None:
    deep: Any = "x"
    for _ in range(10_000):
        deep = {"a": [deep]}
    with pytest.raises(ArgsError) as caught:
        Macvlan(name="lan", master="eth1", labels=deep)
    assert str(caught.value) == (
        "Macvlan has 1 fault:\n  labels is nested more than 32 levels deep"
    )
