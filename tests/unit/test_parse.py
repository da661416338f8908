"""Whatever stands in a stack file: `parse` never raises, and what it takes renders cleanly.

Two searches by hypothesis. One builds nonsense from the real key names, so that it gets past the
first check and into the depths; the other builds stacks that are nearly right.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_snake

from components.args import MultusArgs
from components.networks import render
from components.settings import decoded, parse
from tests.unit.test_schema import COMMITTED, GOOD

Json = dict[str, Any]
SETTINGS: Final = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

MODELS: Final[list[Mapping[str, Any]]] = [
    one["properties"] for one in COMMITTED["$defs"].values() if "properties" in one
]
KEYS: Final = sorted({key for one in MODELS for key in one} | {"rangestart", "", "pod.x"})
TOP: Final = sorted(
    key.removeprefix("multus:")
    for key in COMMITTED["properties"]["config"]["properties"]
    if key not in ("multus:kubeconfig", "multus:context")
)
WORDS: Final = [
    *("k3s", "single", "multi", "v1.34.2+k3s1", "host-local", "whereabouts", "dhcp", "static"),
    *("macvlan", "ipvlan", "bridge", "l3", "eth1", "lan", "type", "range", "version", ""),
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


# The names under which the plugins read what the models call otherwise.
SNAKE_CASE: Final = (
    *("networkName", "enableOverlappingRanges", "leaderLeaseDuration", "leaderRenewDeadline"),
    *("leaderRetryPeriod", "logFile", "logLevel"),
)
KNOWN: Final = {
    *(set(KEYS) - set(SNAKE_CASE)),
    *(to_snake(key) for key in SNAKE_CASE),
    *("cniVersion", "configuration_path", "range_start", "range_end"),
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
        assert keys(body) <= KNOWN
        assert body["name"] == network.cni_name
        assert body["type"] == network.type
        if network.ipam is None:
            assert body["ipam"] == {}
        else:
            assert body["ipam"]["type"] == network.ipam.type
            assert network.ipam.capacity is None or 1 <= network.ipam.capacity < 2**53
    json.dumps([args.values, args.crd_values])


@st.composite
def whereabouts(draw: st.DrawFn) -> Json:
    """Settings that a person might write, right or wrong by a little."""
    base = draw(st.sampled_from(["10.0.0.0", "10.0.0.64", "fd00::"]))
    first = ipaddress.ip_address(base)
    length = draw(st.integers(first.max_prefixlen - 8, first.max_prefixlen - 1))
    near = st.integers(-1, 300).map(lambda offset: str(first + offset))
    entry: Json = {"range": f"{base}/{length}"}
    entry |= draw(st.fixed_dictionaries({}, optional={"rangeStart": near, "rangeEnd": near}))
    entry |= draw(st.fixed_dictionaries({}, optional={"exclude": st.lists(near, max_size=3)}))
    body: Json = {"ipRanges": [entry]} if draw(st.booleans()) else entry
    gateway = draw(st.fixed_dictionaries({}, optional={"gateway": near}))
    return {"type": "whereabouts", **body, **gateway}


@settings(SETTINGS, max_examples=120)
@given(ipams=st.lists(whereabouts(), max_size=3))
def test_no_two_networks_on_one_wire_hand_out_one_address_or_a_gateway(ipams: list[Json]) -> None:
    networks = [
        {"name": f"n{index}", "type": "macvlan", "master": "eth1", "ipam": ipam}
        for index, ipam in enumerate(ipams)
    ]
    cluster = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
    args, faults = parse({"cluster": cluster, "ipam": "whereabouts", "networks": networks})
    sound(faults)
    if args is None:
        return
    renders_cleanly(args)
    spans = [
        (index, span)
        for index, network in enumerate(args.networks)
        for pool in (network.ipam.pools if network.ipam else ())
        for span in pool.spans
    ]
    for index, span in spans:
        for other, second in spans:
            assert index == other or not span.overlaps(second)
        gateway = ipams[index].get("gateway")
        assert gateway is None or ipaddress.ip_address(gateway) not in span


@settings(SETTINGS, max_examples=100)
@given(text=st.text(max_size=20) | st.sampled_from(WORDS))
def test_a_text_of_the_cli_is_itself_or_what_its_json_says(text: str) -> None:
    value = decoded(text)
    assert value == text or not isinstance(value, str) or json.dumps(value) == text.strip()
