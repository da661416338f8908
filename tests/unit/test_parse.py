"""Whatever stands in a stack file: `parse` never raises, and what it takes renders cleanly.

Two searches by hypothesis. One builds nonsense from the real key names, so that it gets past the
first check and into the depths; the other builds stacks that are nearly right.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from itertools import permutations
from typing import Any, Final

from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_snake

from components.args import MultusArgs
from components.networks import Raw, render
from components.settings import decoded, parse
from tests.unit.test_schema import COMMITTED, GOOD

Json = dict[str, Any]
SETTINGS: Final = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

MODELS: Final[list[Mapping[str, Any]]] = [
    one["properties"] for one in COMMITTED["$defs"].values() if "properties" in one
]
RAW_KEYS: Final = {"cniVersion", "plugins", "configuration_path", "range_start", "ingressRate"}
KEYS: Final = sorted(
    {key for one in MODELS for key in one} | {"rangestart", "", "pod.x"} | RAW_KEYS
)
TOP: Final = sorted(
    key.removeprefix("multus:")
    for key in COMMITTED["properties"]["config"]["properties"]
    if key not in ("multus:kubeconfig", "multus:context")
)
WORDS: Final = [
    *("k3s", "single", "multi", "v1.34.2+k3s1", "host-local", "whereabouts", "dhcp", "static"),
    *("macvlan", "ipvlan", "bridge", "l3", "eth1", "lan", "type", "range", "version", ""),
    *(
        "vlan",
        "host-device",
        "sriov",
        "bond",
        "raw",
        "tuning",
        "ips",
        "intel.com/nic",
        '{"type":"a"}',
    ),
    *(
        "10.0.0.0/24",
        "10.0.0.0/25",
        "10.0.0.1",
        "10.0.0.9/24",
        "10.0.0.0/0",
        "fd00::/64",
        "fd00::1",
    ),
    *("fe80::1%eth0", "::ffff:10.0.0.1", "10.0.0.0/255.0.0.0", "/", "é", "\x00", "\ud800"),
]
SCALARS = (
    st.sampled_from(WORDS)
    | st.none()
    | st.booleans()
    | st.sampled_from([-1, 0, 1, 5, 300, 4095, 1500, 2**70, 1.34, float("nan"), float("inf")])
    | st.text(max_size=5)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=15,
)


def sound(faults: Any) -> None:
    for fault in faults:
        text = str(fault)
        assert str(fault.path[0]).startswith("multus:"), text
        assert text.startswith("multus:")
        assert "\n" not in text


@settings(SETTINGS, max_examples=150)
@given(raw=st.dictionaries(st.sampled_from([*TOP, "protekt"]), ANYTHING, max_size=6))
def test_never_raises(raw: Json) -> None:
    args, faults = parse(raw)
    assert (args is None) == bool(faults)
    sound(faults)


@st.composite
def mangled(draw: st.DrawFn) -> Json:
    """A good stack in which some values, anywhere, are others."""
    config = GOOD[draw(st.sampled_from(sorted(GOOD)))]["config"]
    raw = json.loads(json.dumps({key.removeprefix("multus:"): v for key, v in config.items()}))
    for _ in range(draw(st.integers(1, 3))):
        here: Any = raw
        while True:
            places = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not places:
                break
            place = draw(st.sampled_from(places))
            inside = here[place]
            if isinstance(inside, dict | list) and draw(st.integers(0, 3)):
                here = inside
                continue
            here[place] = draw(ANYTHING)
            break
    return {key: value for key, value in raw.items() if ":" not in key}


@settings(SETTINGS, max_examples=150)
@given(raw=mangled())
def test_a_nearly_good_stack_is_refused_or_renders(raw: Json) -> None:
    args, faults = parse(raw)
    assert (args is None) == bool(faults)
    sound(faults)
    if args is not None:
        renders_cleanly(args)


def sysctls(node: Any) -> set[str]:
    """The kernel settings in a good stack, which are keys that the user writes."""
    if isinstance(node, dict):
        own = set(node.get("sysctl", {}))
        return own.union(*(sysctls(value) for value in node.values()))
    return set().union(*(sysctls(value) for value in node)) if isinstance(node, list) else set()


# The names under which the plugins read what the models call otherwise.
SNAKE_CASE: Final = (
    *("networkName", "enableOverlappingRanges", "leaderLeaseDuration", "leaderRenewDeadline"),
    *("leaderRetryPeriod", "logFile", "logLevel"),
)
KNOWN: Final = {
    *(set(KEYS) - set(SNAKE_CASE)),
    *(to_snake(key) for key in SNAKE_CASE),
    *("cniVersion", "configuration_path", "range_start", "range_end", "plugins", "disableCheck"),
    *("link_state", "min_tx_rate", "max_tx_rate", "ips", "mac"),
    *(key for stack in GOOD.values() for key in sysctls(stack)),
}


def keys(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set(node).union(*(keys(value) for value in node.values()))
    return set().union(*(keys(value) for value in node)) if isinstance(node, list) else set()


def renders_cleanly(args: MultusArgs) -> None:
    for network in args.networks:
        text = render(network, args.cluster.paths)
        body = json.loads(text)
        assert json.dumps(body, indent=2) == text
        assert body["name"] == network.cni_name
        if isinstance(network, Raw):
            assert {**body, **network.config} == body
            continue
        assert keys(body) <= KNOWN
        first = body["plugins"][0] if "plugins" in body else body
        assert first["type"] == network.type
        if network.ipam is None:
            assert first["ipam"] == {}
        else:
            assert first["ipam"]["type"] == network.ipam.type
            assert network.ipam.capacity is None or 1 <= network.ipam.capacity < 2**53
    json.dumps([args.values, args.crd_values])


BASES: Final = ("10.0.0.0", "10.0.0.64", "fd00::")


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def ipams(draw: st.DrawFn, plugin: str) -> Json:
    """Settings that a person might write, right or wrong by a little."""
    base = draw(st.sampled_from(BASES))
    first = ipaddress.ip_address(base)
    near = st.integers(-1, 300).map(lambda offset: str(first + offset))
    most = first.max_prefixlen
    cidr = f"{base}/{draw(st.integers(most - 8, most - 1))}"
    limits = draw(optional(rangeStart=near, rangeEnd=near))
    gateway = draw(optional(gateway=near))
    match draw(st.sampled_from([plugin, plugin, "static"])):
        case "static":
            length = cidr.partition("/")[2]
            return {
                "type": "static",
                "addresses": [{"address": f"{draw(near)}/{length}"} | gateway],
            }
        case "host-local":
            entry = {"subnet": cidr} | limits | gateway
            body: Json = {"ranges": [[entry]]} if draw(st.booleans()) else entry
        case _:
            entry = {"range": cidr} | limits | draw(optional(exclude=st.lists(near, max_size=3)))
            body = {"ipRanges": [entry]} if draw(st.booleans()) else entry
            body |= gateway
    return {"type": plugin, **body}


@st.composite
def stacks(draw: st.DrawFn) -> Json:
    plugin = draw(st.sampled_from(["whereabouts", "host-local"]))
    networks: list[Json] = []
    for index, ipam in enumerate(draw(st.lists(ipams(plugin), max_size=3))):
        kind: Json = {"type": "macvlan", "master": "eth1"}
        if draw(st.booleans()):
            kind = {"type": "bridge", "bridge": "eth1"} | draw(
                optional(
                    vlan=st.sampled_from([1, 5]),
                    preserveDefaultVlan=st.booleans(),
                    isGateway=st.booleans(),
                )
            )
        networks.append({"name": f"n{index}", **kind, "ipam": ipam})
    cluster = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "single"}
    return {"cluster": cluster, "ipam": plugin, "networks": networks}


def handed_out(ipam: Json) -> set[Any]:
    """Every address that the plugin would give, counted one by one from what it is given."""
    match ipam["type"]:
        case "static":
            return {ipaddress.ip_interface(one["address"]).ip for one in ipam["addresses"]}
        case "host-local":
            entries = [entry for inner in ipam["ranges"] for entry in inner]
            return set().union(
                *(counted(entry, "subnet", "rangeStart", "rangeEnd") for entry in entries)
            )
        case _:
            entries = ipam.get("ipRanges", [ipam])
            return set().union(
                *(counted(entry, "range", "range_start", "range_end") for entry in entries)
            )


def counted(entry: Json, cidr: str, start: str, end: str) -> set[Any]:
    network = ipaddress.ip_network(entry[cidr])
    addresses = list(network)[1:]
    if network.version == 4 or cidr == "range":
        addresses.pop()  # host-local alone hands out the last address of an IPv6 subnet
    first = ipaddress.ip_address(entry.get(start, addresses[0]))
    last = ipaddress.ip_address(entry.get(end, addresses[-1]))
    holes = [ipaddress.ip_network(hole) for hole in entry.get("exclude", [])]
    kept = (
        {ipaddress.ip_address(entry["gateway"])}
        if cidr == "subnet" and "gateway" in entry
        else set()
    )
    if cidr == "subnet" and not kept:
        kept = {network[1]}
    return {
        one
        for one in addresses
        if first <= one <= last and one not in kept and not any(one in hole for hole in holes)
    }


def routers(body: Json) -> set[Any]:
    """Gateways that are named, and those that a bridge takes where none is."""
    ipam = body["ipam"]
    entries = [
        *ipam.get("addresses", []),
        *(one for inner in ipam.get("ranges", []) for one in inner),
    ]
    found = {ipaddress.ip_address(one["gateway"]) for one in [ipam, *entries] if "gateway" in one}
    if body.get("isGateway"):
        for one in entries:
            if "gateway" not in one:
                within = one.get("subnet") or one["address"]
                found.add(ipaddress.ip_interface(within).network[1])
    return found


def heard(body: Json) -> set[int]:
    return {body.get("vlan", 1)} | ({1} if body.get("preserveDefaultVlan") else set())


@settings(SETTINGS, max_examples=600)
@given(raw=stacks())
def test_no_two_networks_on_one_wire_hand_out_one_address_or_a_gateway(raw: Json) -> None:
    """Judged by what the plugins are given, with a count of its own."""
    args, faults = parse(raw)
    sound(faults)
    if args is None:
        return
    renders_cleanly(args)
    bodies = [json.loads(render(network, args.cluster.paths)) for network in args.networks]
    for body, other in permutations(bodies, 2):
        if heard(body) & heard(other):
            assert not handed_out(body["ipam"]) & handed_out(other["ipam"])
            assert not handed_out(body["ipam"]) & routers(other)
    for body, network in zip(bodies, args.networks, strict=True):
        assert not handed_out(body["ipam"]) & routers(body)
        assert network.ipam is not None
        assert network.ipam.capacity == len(handed_out(body["ipam"]))


def test_the_search_finds_sound_stacks_of_several_networks_too() -> None:
    """Control: a search that only meets refusals shows nothing."""

    def several(raw: Json) -> bool:
        args, _ = parse(raw)
        return args is not None and len(args.networks) == 3

    find(stacks(), several, settings=settings(SETTINGS, max_examples=2000))


@settings(SETTINGS, max_examples=100)
@given(text=st.text(max_size=20) | st.sampled_from(WORDS))
def test_a_text_of_the_cli_is_itself_or_what_its_json_says(text: str) -> None:
    value = decoded(text)
    assert value == text or not isinstance(value, str) or json.dumps(value) == text.strip()
