"""Whatever the models accept is what CNI's own libraries read, and nothing is lost on the way.

A search over stacks of all kinds, right or wrong by a little: each is refused with a path, or its
networks are rendered to JSON that libcni and host-local's parser accept and hand on unchanged.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.args import MultusArgs
from components.cluster import WHEREABOUTS_CONF
from components.parse import parse
from testbed.tools import Tools
from tests.unit.test_parse import GOOD, SETTINGS, mangled, sound
from tests.unit.test_pools import ipams, optional
from tests.wire.declared import selection
from tests.wire.parser import Json, Parser

# One process reads for the whole session, which hypothesis would ask about. What is found is a
# whole stack, and no smaller one says more.
SEARCH: Final = settings(
    SETTINGS,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.explicit, Phase.generate],
)
CLUSTERS: Final = [
    {**GOOD[name]["cluster"], "nodes": nodes}
    for name in ("layer 2 only", "RKE2", "a custom cluster")
    for nodes in ("single", "multi")
]
IPAMS: Final = ("whereabouts", "host-local", "dhcp")


def mostly(good: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """So that stacks of many parts are sound often enough, and yet each part is wrong at times."""
    return st.integers(0, 11).flatmap(lambda number: other if number == 5 else good)


names = mostly(st.sampled_from(["eth1", "eth2"]), st.sampled_from(["lo", "eth7", "", "all"]))
ids = mostly(st.sampled_from([1, 5, 4094]), st.just(4095))
dns = optional(
    nameservers=mostly(st.lists(st.sampled_from(["10.0.0.2", "fd00::2"])), st.just(["x"])),
    domain=st.sampled_from(["example.com", "", 'a"b\n']),
    search=st.just(["example.com"]),
    options=st.just(["ndots:2"]),
)
leases: st.SearchStrategy[Json] = optional(
    request=st.just([{"option": "42", "skipDefault": True}]),
    provide=st.lists(
        st.sampled_from(
            [
                {"option": "host-name", "fromArg": "K8S_POD_NAME"},
                {"option": "13", "value": "é\n"},
                {"option": "60", "value": "x", "fromArg": "A"},
            ]
        ),
        max_size=2,
    ),
    priority=st.sampled_from([0, 5]),
)
tunings = optional(
    promisc=st.booleans(),
    txQLen=mostly(st.integers(1, 1000), st.just(-1)),
    mtu=st.sampled_from([68, 1500]),
    sysctl=st.dictionaries(
        st.sampled_from(["net.ipv4.conf.IFNAME.arp_filter", "net/core/somaxconn", "kernel.x"]),
        st.sampled_from(["0", "1"]),
        max_size=2,
    ),
)
IN: Final = {"ingressRate": 10**6, "ingressBurst": 10**6}
OUT: Final = {"egressRate": 10**7, "egressBurst": 10**6}
limits = mostly(
    st.sampled_from([IN, OUT, IN | OUT]),
    st.sampled_from(
        [{"egressRate": 8, "egressBurst": 8}, {"egressRate": 10**6}, IN | {"ingressRate": 0}]
    ),
)
KINDS: Final[dict[str, st.SearchStrategy[Json]]] = {
    "macvlan": st.fixed_dictionaries(
        {"master": names}, optional={"mode": st.sampled_from(["private", "passthru"])}
    ),
    "ipvlan": st.fixed_dictionaries({"master": names}),
    "vlan": st.fixed_dictionaries({"master": names, "vlanId": ids}),
    "bridge": st.fixed_dictionaries(
        {"bridge": names}, optional={"vlan": ids, "isGateway": st.booleans()}
    ),
    "host-device": mostly(
        st.sampled_from([{"device": "eth3"}, {"kernelpath": "/sys/devices/pci0000:00"}]),
        st.sampled_from([{}, {"device": "eth1"}, {"kernelpath": "/devices/a"}]),
    ),
    "sriov": st.fixed_dictionaries(
        {"resourceName": st.just("a.b/c")},
        optional={"vlan": ids, "vlanQoS": st.integers(0, 8), "trust": st.booleans()},
    ),
    "bond": st.fixed_dictionaries(
        {
            "mode": st.just("active-backup"),
            "links": st.just([{"name": "net1"}, {"name": "eth4"}]),
        },
        optional={"linksInContainer": st.booleans(), "failOverMac": st.integers(0, 3)},
    ),
}


@st.composite
def sound_ipam(draw: st.DrawFn, plugin: str, index: int) -> Json:
    """Of one network, apart from those of other networks, in one family or both."""
    four, six, router = f"10.{index}.0.0/24", f"fd00:{index}::/64", f"10.{index}.0.1"
    gateway = draw(optional(gateway=st.just(router)))
    body: Json
    match draw(st.sampled_from([plugin, plugin, "static"])):
        case "dhcp":
            return {"type": "dhcp"} | draw(leases)
        case "host-local":
            entries = [
                [{"subnet": four} | gateway],
                *draw(st.sampled_from([[], [[{"subnet": six}]]])),
            ]
            body = {"type": plugin, "ranges": entries}
        case "whereabouts":
            both = draw(st.booleans())
            body = {"type": plugin, "ipRanges": [{"range": four}, {"range": six}][: both + 1]}
            body |= {} if both else gateway
        case _:
            body = {"type": "static", "addresses": [{"address": f"10.{index}.0.9/24"} | gateway]}
    if draw(st.booleans()):
        body["routes"] = [{"dst": "172.30.0.0/16"} | draw(optional(gw=st.just(router)))]
    return body if body["type"] == "host-local" else body | draw(optional(dns=dns))


@st.composite
def networks(draw: st.DrawFn, index: int, plugins: list[str]) -> Json:
    kind = draw(st.sampled_from(sorted(KINDS)))
    body = {"name": f"n{index}", "type": kind, **draw(KINDS[kind])}
    plugin = draw(st.sampled_from(plugins))
    if kind in ("ipvlan", "vlan") or draw(st.integers(0, 3)):
        wild = ipams(plugin) if plugin != "dhcp" else st.just({"type": "dhcp", "routes": []})
        body["ipam"] = draw(mostly(sound_ipam(plugin, index), wild))
    # Each is there seldom enough that most stacks are sound.
    chances: dict[str, st.SearchStrategy[Any]] = {
        "tuning": tunings,
        "sbr": st.just({}),
        "bandwidth": limits,
        "mtu": st.sampled_from([1280, 9000]),
        "capabilities": st.lists(st.sampled_from(["ips", "mac"]), max_size=2),
        "labels": st.dictionaries(st.sampled_from(["a", "b/c", "-"]), st.text(max_size=3)),
    }
    for key, values in chances.items():
        fits = kind == "bridge" or key != "bandwidth"
        if draw(st.integers(0, 4 if fits else 40)) == 2:
            body[key] = draw(values)
    return raw_of(body) if draw(st.integers(0, 3)) == 2 else body


@st.composite
def stacks(draw: st.DrawFn) -> Json:
    plugins = draw(st.lists(st.sampled_from(IPAMS), min_size=1, max_size=3, unique=True))
    found = [draw(networks(index, plugins)) for index in range(draw(st.integers(1, 2)))]
    body = {"cluster": draw(st.sampled_from(CLUSTERS)), "ipam": plugins[0], "networks": found}
    if plugins[1:]:
        body["additionalIpam"] = plugins[1:]
    return {**body, "extraPlugins": ["sriov"], "allow": ["host-local-on-several-nodes"]}


def raw_of(body: Json) -> Json:
    """The network as a raw one says it, under our names: some of them nobody reads."""
    inner = {key: value for key, value in body.items() if key not in ("name", "labels")}
    behind = [
        {"type": plugin, **inner.pop(plugin)}
        for plugin in ("tuning", "sbr", "bandwidth")
        if plugin in inner
    ]
    if inner.pop("capabilities", None):
        inner["capabilities"] = {"mac": True}
    if inner.get("ipam", {}).get("type") == "whereabouts":
        inner["ipam"] = inner["ipam"] | {"configuration_path": WHEREABOUTS_CONF}
    config = {"plugins": [inner, *behind]} if behind else inner
    return {"name": body["name"], "type": "raw", "config": config}


def read_as_written(raw: Json, parser: Parser) -> Iterator[str]:
    """What the stack had in it, if it is accepted."""
    parsed = parse(raw)
    args = parsed.args
    sound(parsed.findings)
    if args is None:
        return
    for network in args.networks:
        written = json.loads(network.render())
        # What text leaves out: Multus gives it the name (`GetCNIConfigFromSpec`), and no version
        # means 0.1.0.
        text = json.dumps({"name": network.name, "cniVersion": "0.1.0"} | written)
        found = parser.read(text)
        assert "error" not in found, (found, text)
        assert found["name"] == network.cni_name
        assert found["cniVersion"] == written.get("cniVersion", "0.1.0")
        assert found["plugins"] == written.get("plugins", [json.loads(text)])
        assert {one["type"] for one in found["plugins"]} <= {*network.plugins}
    yield from holds(args)


def holds(args: MultusArgs) -> Iterator[str]:
    yield args.cluster.distribution
    if args.additional_ipam:
        yield "additionalIpam"
    for network in args.networks:
        yield str(network.model_dump()["type"])
        yield from network.plugins
    for typed in filter(None, (network.typed for network in args.networks)):
        plugin = typed.ipam
        if plugin is not None and len({pool.cidr.version for pool in plugin.pools}) == 2:
            yield "both families"
        for key in ("routes", "dns"):
            if getattr(plugin, key, None):
                yield key


FEW: Final = 5
# What a search must have met in stacks that are sound: one that only meets refusals shows nothing.
MET: Final = {
    *("k3s", "rke2", "custom", "whereabouts", "host-local", "dhcp", "static"),
    *(
        *KINDS,
        "raw",
        "additionalIpam",
        "tuning",
        "sbr",
        "bandwidth",
        "routes",
        "dns",
        "both families",
    ),
}


def test_what_is_accepted_is_read_as_it_was_written(parser: Parser) -> None:
    met: Counter[str] = Counter()

    @settings(SEARCH, max_examples=1000)
    @given(raw=stacks())
    def search(raw: Json) -> None:
        met.update(read_as_written(raw, parser))

    search()
    assert not {one for one in MET if met[one] < FEW}


def test_a_nearly_good_stack_too(parser: Parser) -> None:
    met: Counter[str] = Counter()

    @settings(SEARCH, max_examples=600)
    @given(raw=mangled())
    def search(raw: Json) -> None:
        met.update(read_as_written(raw, parser))

    search()
    assert sum(met[one] for one in ("k3s", "rke2", "custom")) >= FEW


@pytest.mark.parametrize("name", sorted(GOOD))
def test_good_stacks_too(name: str, parser: Parser) -> None:
    assert [*read_as_written(GOOD[name], parser)]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "missing 'type'"),
        ({"name": "a", "plugins": []}, "no plugins in list"),
        ({"name": "a b", "cniVersion": "1.0.0", "type": "x"}, "invalid characters"),
        ({"name": "a", "cniVersion": "9.9.9", "type": "x"}, "no plugin supports"),
        (
            {
                "name": "a",
                "cniVersion": "1.0.0",
                "type": "x",
                "ipam": {"type": "host-local", "subnet": "10.0.0.1/24"},
            },
            "host bits set",
        ),
    ],
)
def test_control_the_parser_refuses(config: Json, said: str, parser: Parser) -> None:
    found = parser.read(json.dumps(config))
    assert said in json.dumps(found)
    assert "plugins" not in found


def asked_to_delete(program: Path, config: Json) -> subprocess.CompletedProcess[str]:
    """Ask a plugin to remove what was never there: it reads its configuration, and no more."""
    return subprocess.run(
        [str(program)],
        input=json.dumps(config),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={
            "CNI_COMMAND": "DEL",
            "CNI_CONTAINERID": "never-there",
            "CNI_IFNAME": "net1",
            "CNI_PATH": os.fspath(program.parent),
        },
    )


LIMITED: Final = {"ingressRate": 10**6, "ingressBurst": 10**6}


@pytest.mark.parametrize(
    ("fields", "at", "bad"),
    [
        ({"type": "host-device", "device": "eth9"}, 0, {"device": ""}),
        ({"type": "bridge", "bridge": "br9", "vlan": 5}, 0, {"vlan": 5000}),
        ({"type": "bridge", "bridge": "br9", "bandwidth": LIMITED}, 1, {"ingressBurst": 0}),
        ({"type": "bridge", "bridge": "br9", "tuning": {"txQLen": 5}}, 1, {"txQLen": "5"}),
    ],
)
def test_a_plugin_reads_what_is_rendered(
    fields: Json, at: int, bad: Json, parser: Parser, wire_tools: Tools
) -> None:
    """`bad`: a field that the plugin itself refuses, as the control."""
    network = selection({"name": "lan", **fields}).network
    body = parser.read(network.render())
    plugin = body["plugins"][at] | {key: body[key] for key in ("name", "cniVersion")}
    program = wire_tools.path(plugin["type"])
    done = asked_to_delete(program, plugin)
    assert done.returncode == 0, done.stdout
    assert asked_to_delete(program, plugin | bad).returncode == 1
