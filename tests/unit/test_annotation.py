"""A pod's annotation: what Multus reads, and what it would drop or break on."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any, Final

import pytest

from components import K3s, Selection, pod_annotation
from components.faults import ArgsError
from components.networks.annotation import KEY, example, links, plain
from tests.unit.test_networks import Json, local, network, static, wb

LOCAL: Final[Json] = {"ipam": local(), "capabilities": ["ips", "mac"]}
SIX: Final[Json] = {"ipam": local("fd00::/64")}
SUBNETS: Final = [
    [{"subnet": "10.0.0.0/25"}, {"subnet": "10.0.0.128/25"}],
    [{"subnet": "fd00::/64"}],
]
TWO: Final[Json] = {"ipam": {"type": "host-local", "ranges": SUBNETS}, "capabilities": ["ips"]}
DUAL: Final[Json] = {
    "ipam": {
        "type": "static",
        "addresses": [{"address": "10.0.0.5/24"}, {"address": "fd00::5/64"}],
    },
    "capabilities": ["ips", "mac"],
}
RATES: Final = {"ingressRate": 10**6, "ingressBurst": 10**6}
LIMITED: Final[Json] = {
    "type": "bridge",
    "bandwidth": {"egressRate": 10**6, "egressBurst": 10**6},
}
LINKS: Final[Json] = {"type": "bond", "links": [{"name": "net1"}, {"name": "fast"}]}


def pick(fields: Json | None = None, **wishes: Any) -> Selection:
    return Selection(network=network(**(fields or {})), **wishes)


def test_is_the_json_form_that_multus_reads() -> None:
    found = pod_annotation(
        [
            pick({"namespace": "data"}, interface="lan0"),
            pick(
                LOCAL,
                ips=("10.0.0.9/24",),
                mac="02:00:00:00:00:0A",
            ),
            pick(SIX, default_route=("fd00::1",)),
        ]
    )
    assert found.annotations == {KEY: found.value}
    assert json.loads(found.value) == [
        {"name": "lan", "namespace": "data", "interface": "lan0"},
        {
            "name": "lan",
            "namespace": "default",
            "ips": ["10.0.0.9/24"],
            "mac": "02:00:00:00:00:0a",
        },
        {"name": "lan", "namespace": "default", "default-route": ["fd00::1"]},
    ]
    assert found.resources == {}


def test_counts_what_a_container_must_request() -> None:
    function: Json = {"type": "sriov"}
    raw: Json = {
        "type": "raw",
        "config": {"type": "ovs"},
        "annotations": {"k8s.v1.cni.cncf.io/resourceName": "a.b/c"},
    }
    found = pod_annotation([pick(function), pick(function), pick(raw)])
    assert found.resources == {"intel.com/netdevice": 2, "a.b/c": 1}


BAD: Final[list[tuple[list[tuple[Json, Json]], str]]] = [
    ([], "selections is empty"),
    ([({}, {"interface": "eth0"})], "the pod itself has it"),
    ([({}, {}), ({}, {"interface": "net1"})], r"selections\[0\] has it"),
    ([({}, {"interface": "net2"}), ({}, {})], r"\[1\]\.interface is \"net2\", but selections\[0\]"),
    ([({}, {"interface": "a b"})], "1 to 15 ASCII characters"),
    ([({"ipam": local()}, {"ips": ("10.0.0.9/24",)})], r"Add capabilities: \[ips\]"),
    ([({"ipam": wb()}, {"mac": "02:00:00:00:00:01"})], r"Add capabilities: \[mac\]"),
    ([(LOCAL, {"mac": "01:00:00:00:00:01"})], "no interface can have it"),
    ([(LOCAL, {"mac": "00:00:00:00:00:00"})], "no interface can have it"),
    ([(LOCAL, {"mac": "02-00-00-00-00-01"})], "six pairs of hex digits"),
    ([(LOCAL, {"ips": ("10.0.0.9",)})], 'Did you mean "10.0.0.9/24"'),
    ([(LOCAL, {"ips": ("10.0.0.1/24",)})], "hands out 10.0.0.2 to 10.0.0.254"),
    ([(LOCAL, {"ips": ("10.0.0.9/24", "10.0.0.9/24")})], "stands there twice"),
    ([({}, {"default_route": ("10.0.0.1",)})], "gives no addresses"),
    ([(LOCAL, {"default_route": ("10.0.1.1",)})], "it is outside 10.0.0.0/24"),
    ([(LOCAL, {"ips": ("10.0.0.9/24",), "default_route": ("10.0.0.9",)})], "pod's own address"),
    ([(SIX, {"default_route": ("fd00::1", "fd00::2")})], "Multus takes one of IPv6"),
    (
        [(SIX, {"default_route": ("fd00::1",)}), (SIX, {"default_route": ("fd00::1",)})],
        r"selections\[0\] takes IPv6's already",
    ),
    ([(LOCAL, {"default_route": ("10.0.0.1",)})], "leaves eth0's default route of IPv4"),
    ([(SIX | {"sbr": {}}, {"default_route": ("fd00::1",)})], "has sbr"),
    ([(TWO, {"ips": ("10.0.0.9/25", "fd00::9/64")})], r"ips\[1\].*host-local takes one"),
    (
        [({"mode": "passthru"}, {})] * 2,
        "selections\\[0\\] has it, and the kernel gives eth1 to one",
    ),
    ([(LIMITED, {})] * 2, "one device for each pod and network"),
    ([({}, {}), (LINKS, {})], "makes a bond of fast, which no network before it makes"),
    ([({}, {}), (LINKS, {}), ({}, {"interface": "fast"})], "makes a bond of fast"),
]


@pytest.mark.parametrize(("selected", "said"), BAD)
def test_refuses(selected: list[tuple[Json, Json]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pod_annotation([pick(fields, **wishes) for fields, wishes in selected])


def test_control_a_bond_of_networks_before_it() -> None:
    assert pod_annotation([pick(), pick(interface="fast"), pick(LINKS)]).resources == {}


@pytest.mark.parametrize("fields", [{}, {**LIMITED, "bandwidth": {**RATES}}])
def test_control_a_network_twice(fields: Json) -> None:
    assert len(json.loads(pod_annotation([pick(fields)] * 2).value)) == 2


def test_no_default_route_of_a_family_that_the_cluster_has() -> None:
    """There eth0 has one, which Multus leaves; a cluster that is not named has IPv4 alone."""
    pods = (ip_network("10.52.0.0/16"), ip_network("fd42::/56"))
    dual = K3s(distribution="k3s", version="v1.34.2+k3s1", nodes="multi", cluster_cidr=pods)
    wish = [pick(SIX, default_route=("fd00::1",))]
    with pytest.raises(ValueError, match=r"defaultRoute\[0\].*eth0's default route of IPv6"):
        pod_annotation(wish, dual)
    assert "fd00::1" in pod_annotation(wish).value


def test_the_example_is_an_annotation_that_is_accepted() -> None:
    found = example(network(**DUAL))
    assert found is not None
    assert json.loads(found[KEY]) == [
        {
            "name": "lan",
            "namespace": "default",
            "ips": ["10.0.0.5/24", "fd00::5/64"],
            "mac": "02:00:00:00:00:01",
        }
    ]
    assert example(network(ipam=static("10.0.0.5/24"))) is None
    # host-local takes one, of whichever range.
    found = example(network(**TWO))
    assert found is not None
    assert json.loads(found[KEY])[0]["ips"] == ["10.0.0.2/25"]


CHOSEN: Final[Json] = {"ipam": {"type": "static"}, "capabilities": ["ips"]}


def test_a_pod_must_choose_where_the_network_has_no_address() -> None:
    assert json.loads(pod_annotation([pick(CHOSEN, ips=("10.0.0.9/24",))]).value)[0]["ips"]
    with pytest.raises(ValueError, match=r"ips is missing: network default/lan has none for a pod"):
        pick(CHOSEN)
    assert plain(network(**CHOSEN)) is None
    assert plain(network(**DUAL)) == {KEY: "default/lan"}


def test_the_same_written_raw_has_an_example_too() -> None:
    config: Json = {"type": "bridge", "bridge": "br1", "capabilities": {"ips": True, "mac": True}}
    raw = network(type="raw", config={**config, "ipam": {"type": "static"}})
    assert plain(raw) is None
    asked = example(raw)
    assert asked is not None
    assert json.loads(asked[KEY]) == [
        {
            "name": "lan",
            "namespace": "default",
            "ips": ["192.0.2.10/24"],
            "mac": "02:00:00:00:00:01",
        }
    ]
    # What a plugin without a model needs, nobody knows.
    assert plain(network(type="raw", config={"type": "ptp", "ipam": {"type": "static"}}))


def test_a_bond_alone_has_no_annotation() -> None:
    """It would be refused: nothing makes its links."""
    bond = network(**LINKS, ipam=local(), capabilities=["ips"])
    assert links(bond) == ("net1", "fast")
    assert (plain(bond), example(bond)) == (None, None)
    outside = network(**LINKS, linksInContainer=False)
    assert (links(outside), plain(outside)) == ((), {KEY: "default/lan"})


@pytest.mark.parametrize(
    ("selections", "cluster", "said"),
    [
        (pick(), None, "selections is no list of Selection"),
        ([network()], None, "selections is no list of Selection"),
        (["lan"], None, "selections is no list of Selection"),
        ([pick()], pick(), r"cluster is no cluster. Give the one"),
    ],
)
def test_other_arguments_are_refused_in_one_line(selections: Any, cluster: Any, said: str) -> None:
    with pytest.raises(ArgsError, match=said):
        pod_annotation(selections, cluster)


@pytest.mark.parametrize(
    ("link", "bond", "said"),
    [
        ({"mtu": 1400}, {}, "with the MTU 1500, and its link net1 .* with 1400"),
        ({"mtu": 8000}, {"mtu": 9000}, "with the MTU 9000, and its link net1 .* with 8000"),
        (
            {"type": "host-device", "device": "eth7", "tuning": {"mtu": 1400}},
            {},
            "Set the bond's mtu to 1400",
        ),
        ({"mtu": 1400}, {"mtu": 1400}, None),
        ({"mtu": 9000}, {}, None),
        ({}, {"mtu": 9000}, None),  # the master's, which only the node knows
    ],
)
def test_a_bond_fits_its_links(link: Json, bond: Json, said: str | None) -> None:
    selections = [
        pick({"name": "one", **link}),
        pick({"name": "two"}, interface="fast"),
        pick({"name": "both", **LINKS, **bond}),
    ]
    if said is None:
        assert pod_annotation(selections).value
        return
    with pytest.raises(ValueError, match=said):
        pod_annotation(selections)
