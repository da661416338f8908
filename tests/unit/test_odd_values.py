"""Whatever stands in whatever place of a stack: it is taken, or refused in lines that can be read.

Every setting and every kind of network is there; each value is replaced by each odd one.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any, Final

import pytest

from components.networks import render
from components.settings import parse

WHERE: Final = "/etc/cni/net.d/whereabouts.d/whereabouts.conf"
RAW: Final = [
    {
        "type": "macvlan",
        "master": "eth3",
        "ipam": {"type": "whereabouts", "range": "10.4.0.0/24", "configuration_path": WHERE},
    },
    {"type": "tuning", "promisc": True},
]
NETWORKS: Final[dict[str, dict[str, Any]]] = {
    "vlan": {
        "master": "eth1",
        "vlanId": 5,
        "ipam": {"type": "dhcp", "request": [{"option": "42"}]},
    },
    "host-device": {
        "device": "eth9",
        "ipam": {
            "type": "static",
            "addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}],
        },
        "sbr": {},
        "tuning": {"sysctl": {"net.core.somaxconn": "500"}, "promisc": True},
    },
    "sriov": {
        "resourceName": "a.b/c",
        "vlan": 5,
        "ipam": {"type": "whereabouts", "range": "10.2.0.0/24"},
        "labels": {"x": "y"},
        "annotations": {"x": "y"},
    },
    "bond": {
        "mode": "active-backup",
        "links": [{"name": "net1"}, {"name": "net2"}],
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "10.3.0.0/24"}], [{"subnet": "fd00::/64"}]],
        },
    },
    "raw": {"config": {"cniVersion": "1.0.0", "plugins": RAW}},
    "bridge": {
        "bridge": "br9",
        "vlan": 7,
        "vlanTrunk": [{"minID": 1, "maxID": 2}],
        "bandwidth": {"ingressRate": 1000000, "ingressBurst": 500000},
        "capabilities": ["ips", "mac"],
        "ipam": {"type": "host-local", "subnet": "10.5.0.0/24", "rangeStart": "10.5.0.9"},
    },
    "macvlan": {
        "master": "eth5",
        "mode": "private",
        "mtu": 1400,
        "ipam": {
            "type": "whereabouts",
            "ipRanges": [{"range": "10.6.0.0/24", "exclude": ["10.6.0.5"]}, {"range": "fd06::/64"}],
            "routes": [{"dst": "10.9.0.0/16", "gw": "10.6.0.1"}],
            "dns": {"nameservers": ["10.6.0.2"]},
        },
    },
    "ipvlan": {
        "master": "eth6",
        "mode": "l3",
        "ipam": {"type": "whereabouts", "range": "10.7.0.0/24"},
    },
}
STACK: Final[dict[str, Any]] = {
    "cluster": {"distribution": "rke2", "version": "v1.34.2+rke2r1", "nodes": "single"},
    "ipam": "whereabouts",
    "additionalIpam": ["dhcp", "host-local"],
    "chart": {"version": "v4.3.017", "repository": "oci://a.lan/b"},
    "registry": "r.lan:5000",
    "imagePullSecrets": ["a"],
    "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
    "nodeSelector": {"a": "b"},
    "resources": {"whereabouts": {"requests": {"cpu": "50m"}, "limits": {"memory": "300Mi"}}},
    "reconcilerSchedule": "0 4 * * *",
    "thickPlugin": True,
    "dynamicNetworksController": True,
    "extraBinaries": ["sriov"],
    "extraValues": {"cniplugins": {"skipcnis": "flannel"}},
    "namespaceIsolation": True,
    "globalNamespaces": ["default"],
    "preflight": "auto",
    "timeout": 300,
}
ODD: Final[list[Any]] = [
    None, True, -1, 2**70, 1.5, math.nan, "", "\ud800", "\x1b[31m", "\u0663", "a" * 5000,
    "{}", [], {}, [None], {"": None}, {1: 2}, {"type": ["x"]}, b"x", "0.0.0.0/0",
]  # fmt: skip
Place = tuple[str | int, ...]


def places(node: Any, path: Place = ()) -> Iterator[Place]:
    yield path
    if isinstance(node, dict):
        for key in node:
            yield from places(node[key], (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from places(item, (*path, index))


def with_value(stack: dict[str, Any], path: Place, value: Any) -> Any:
    found = copy.deepcopy(stack)
    node: Any = found
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return found


def is_taken_or_refused_in_lines(raw: dict[str, Any], place: Any) -> None:
    args, faults = parse(raw)
    assert (args is None) == bool(faults), place
    for fault in faults:
        assert fault.path, place
        assert str(fault).isprintable(), place
    if args is not None:
        for network in args.networks:
            json.loads(render(network, args.cluster.paths))
        assert all(warning.isprintable() for warning in args.warnings()), place
        assert args.images, place


def test_all_of_it_is_sound_as_it_stands() -> None:
    networks = [{"name": kind, "type": kind, **body} for kind, body in NETWORKS.items()]
    args, faults = parse({**STACK, "networks": networks})
    assert faults == []
    assert args is not None


@pytest.mark.parametrize("key", STACK)
def test_a_setting(key: str) -> None:
    for path in places(STACK[key], (key,)):
        for value in ODD:
            is_taken_or_refused_in_lines(with_value(STACK, path, value), (path, value))


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network(kind: str) -> None:
    stack = {**STACK, "networks": [{"name": "lan", "type": kind, **NETWORKS[kind]}]}
    for path in places(stack["networks"], ("networks",)):
        for value in ODD:
            is_taken_or_refused_in_lines(with_value(stack, path, value), (path, value))
