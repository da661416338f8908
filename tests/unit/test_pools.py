"""Pools against a count by hand: go through a small prefix and ask which addresses are handed out.

The count reads what is rendered as the plugin does. No gateway, nothing that is excluded and no
address of the network's own may ever be handed out, and no address of one network by another.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from itertools import permutations
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from components.ipam.base import Pool
from components.parse import Parsed, parse

Json = dict[str, Any]
Addresses = set[IPv4Address | IPv6Address]
BASES: Final = ("10.0.0.0", "10.0.0.64", "fd00::")
CLUSTER: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "single"}
SEARCH: Final = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# What is no fault of the pools: the rest of what is said would hide most of the cases.
ALLOWED: Final = ["limit-ignored", "exclude-outside", "one-address", "gateway-outside-range"]


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def ipams(draw: st.DrawFn, plugin: str) -> Json:
    """Settings that a person might write, right or wrong by a little."""
    base = draw(st.sampled_from(BASES))
    first = ip_address(base)
    near = st.integers(-1, 300).map(lambda offset: str(first + offset))
    most = first.max_prefixlen
    length = draw(st.integers(most - 8, most - 1))
    limits = draw(optional(rangeStart=near, rangeEnd=near))
    gateway = draw(optional(gateway=near))
    match draw(st.sampled_from([plugin, plugin, "static"])):
        case "static":
            return {
                "type": "static",
                "addresses": [{"address": f"{draw(near)}/{length}"} | gateway],
            }
        case "host-local":
            entry = {"subnet": f"{base}/{length}"} | limits | gateway
            body: Json = {"ranges": [[entry]]} if draw(st.booleans()) else entry
        case _:
            holes = st.builds(
                lambda address, bits: str(ip_network(f"{address}/{most - bits}", strict=False)),
                near,
                st.integers(0, 4),
            )
            entry = {"range": f"{base}/{length}"} | limits
            entry |= draw(optional(exclude=st.lists(holes, max_size=3)))
            gateway |= draw(optional(enableOverlappingRanges=st.booleans()))
            body = ({"ipRanges": [entry]} if draw(st.booleans()) else entry) | gateway
    return {"type": plugin, **body}


@st.composite
def stacks(draw: st.DrawFn) -> Json:
    plugin = draw(st.sampled_from(["whereabouts", "host-local"]))
    networks: list[Json] = []
    for index, ipam in enumerate(draw(st.lists(ipams(plugin), max_size=3))):
        kind: Json = {"type": "macvlan", "master": "eth1"}
        if draw(st.booleans()):
            vlans = st.sampled_from([1, 5])
            shape = optional(vlan=vlans, preserveDefaultVlan=st.booleans(), isGateway=st.booleans())
            kind = {"type": "bridge", "bridge": "eth1"} | draw(shape)
        networks.append({"name": f"n{index}", **kind, "ipam": ipam})
    return {"cluster": CLUSTER, "ipam": plugin, "networks": networks, "allow": ALLOWED}


def handed_out(ipam: Json) -> Addresses:
    """Every address that the plugin would give, counted one by one from what it is given."""
    if ipam["type"] == "static":
        return {ip_interface(one["address"]).ip for one in ipam["addresses"]}
    keys = {
        "host-local": ("subnet", "rangeStart", "rangeEnd"),
        "whereabouts": ("range", "range_start", "range_end"),
    }
    return set().union(*(_counted(one, *keys[ipam["type"]]) for one in entries(ipam)))


def _counted(entry: Json, cidr: str, start: str, end: str) -> Addresses:
    network = ip_network(entry[cidr], strict=False)
    addresses: list[Any] = list(network)[1:]
    if network.version == 4 or cidr == "range":
        addresses.pop()  # host-local alone hands out the last address of an IPv6 subnet
    low, high = (ip_address(entry[key]) if key in entry else None for key in (start, end))
    if cidr == "range":  # Whereabouts ignores limits that are outside
        low = low if low in addresses else addresses[0]
        high = high if high in addresses[addresses.index(low) :] else None
    first, last = int(low or addresses[0]), int(high or addresses[-1])
    kept: Addresses = set()
    if cidr == "subnet":
        kept = {ip_address(entry["gateway"]) if "gateway" in entry else network[1]}
        addresses = list(network)  # what is within the limits it does not ask
    holes = [ip_network(hole) for hole in entry.get("exclude", [])]
    return {
        one
        for one in addresses
        if first <= int(one) <= last and one not in kept and not any(one in hole for hole in holes)
    }


def entries(ipam: Json) -> list[Json]:
    ranges = [one for inner in ipam.get("ranges", []) for one in inner]
    return [*ipam.get("addresses", []), *ranges] or ipam.get("ipRanges", [ipam])


def gateways(ipam: Json) -> Addresses:
    return {ip_address(one["gateway"]) for one in [ipam, *entries(ipam)] if "gateway" in one}


def taken_by_the_bridge(body: Json) -> Addresses:
    """The gateway, or the first address where none is named."""
    found: Addresses = set()
    for one in entries(body["ipam"]) if body.get("isGateway") else ():
        cidr = ip_interface(one.get("subnet") or one.get("address") or one["range"]).network
        named = [one.get("gateway") or body["ipam"].get("gateway") or str(cidr[1])]
        found |= {ip_address(gateway) for gateway in named}
    return found


def counted_together(*ipams: Json) -> bool:
    """Whether Whereabouts keeps the pools from handing out one address twice."""
    if {one["type"] for one in ipams} != {"whereabouts"}:
        return False
    cidrs = {ip_network(one["range"], strict=False) for ipam in ipams for one in entries(ipam)}
    told = [ipam.get("enable_overlapping_ranges", True) for ipam in ipams]
    return all(told) or (not any(told) and len(cidrs) == 1)


def vlans(body: Json) -> set[int]:
    return {body.get("vlan", 1)} | ({1} if body.get("preserveDefaultVlan") else set())


@settings(SEARCH, max_examples=250)
@given(raw=stacks())
def test_no_two_networks_on_one_wire_hand_out_one_address_or_a_gateway(raw: Json) -> None:
    args = parse(raw).args
    if args is None:
        return
    bodies = [json.loads(one.render()) for one in args.networks]
    for body, other in permutations(bodies, 2):
        one, two = body["ipam"], other["ipam"]
        if vlans(body) & vlans(other):
            assert counted_together(one, two) or not handed_out(one) & handed_out(two)
            assert not handed_out(one) & taken_by_the_bridge(other)
            # A pod with an address of its own may be the other network's router.
            assert one["type"] == "static" or not handed_out(one) & gateways(two)
    for body in bodies:
        ipam = body["ipam"]
        assert not handed_out(ipam) & taken_by_the_bridge(body)
        assert ipam["type"] == "static" or not handed_out(ipam) & gateways(ipam)


@settings(SEARCH, max_examples=250)
@given(raw=st.sampled_from(["whereabouts", "host-local"]).flatmap(ipams))
def test_a_pool_is_what_the_plugin_hands_out(raw: Json) -> None:
    """Typed, and read as raw from what was rendered."""
    network = {"name": "a", "type": "macvlan", "master": "eth1", "ipam": raw}
    parsed = _parsed(network)
    if not parsed.configuration.networks:
        return  # it cannot be read
    [declared] = parsed.configuration.networks
    text = declared.network.render()
    [again] = _parsed({"name": "a", "type": "raw", "config": text}).configuration.networks
    body = json.loads(text)["ipam"]
    expected = handed_out(body)
    for one in (declared, again):
        assert one.ipam is not None
        assert one.ipam.capacity == len(expected)
        listed = {ip_address(str(found)) for pool in one.pools for found in pool.addresses}
        assert listed == expected
        [pool] = one.pools
        near = [address + step for address in (pool.first, pool.last) for step in (-1, 0, 1)]
        assert {address for address in near if pool.hands_out(address)} == {*near} & expected


def _parsed(network: Json) -> Parsed:
    return parse({"cluster": CLUSTER, "networks": [network]}, partial="multi")


def test_control_the_search_finds_sound_stacks_of_several_networks_too() -> None:
    """A search that only meets refusals shows nothing."""

    def several(raw: Json) -> bool:
        args = parse(raw).args
        return args is not None and len(args.networks) == 3

    found = settings(SEARCH, max_examples=2000, phases=[Phase.generate])
    find(stacks(), several, settings=found)


@pytest.mark.parametrize("apart", [True, False])
def test_hundreds_of_networks_on_one_wire_are_not_compared_each_with_each(
    monkeypatch: pytest.MonkeyPatch, *, apart: bool
) -> None:
    """Each with a range and a gateway of its own, or all in one pool."""
    compared: list[Pool] = []
    monkeypatch.setattr(Pool, "meets", lambda one, _: compared.append(one))
    prefixes = [f"10.{100 + index // 250}.{index % 250 if apart else 0}" for index in range(500)]
    networks = [
        {
            "name": f"n{index}",
            "type": "macvlan",
            "master": "eth1",
            "ipam": {"type": "whereabouts", "range": f"{prefix}.0/24", "gateway": f"{prefix}.1"},
        }
        for index, prefix in enumerate(prefixes)
    ]
    assert parse({"cluster": CLUSTER, "ipam": "whereabouts", "networks": networks}).args
    assert len(compared) < len(networks)


def test_control_pools_that_may_meet_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Pool] = []
    monkeypatch.setattr(Pool, "meets", lambda one, _: compared.append(one))
    ipam = {"type": "host-local", "subnet": "10.1.0.0/24"}
    networks = [
        {"name": name, "type": "macvlan", "master": "eth1", "ipam": ipam} for name in ("a", "b")
    ]
    parse({"cluster": CLUSTER, "ipam": "host-local", "networks": networks})
    assert compared
