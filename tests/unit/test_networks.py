"""Networks: the CNI JSON of each kind, and the checks across networks."""

from __future__ import annotations

import json
import time
from ipaddress import ip_network
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.cluster import K3s, Paths
from components.model import FROM_YAML
from components.networks import AnyNetwork, Network, across, render

PATHS: Final = Paths("/c", "/b")
ADAPTER: TypeAdapter[AnyNetwork] = TypeAdapter(Network)
SINGLE: Final = K3s(distribution="k3s", version="v1.34.2+k3s1", nodes="single")
MULTI: Final = K3s(distribution="k3s", version="v1.34.2+k3s1", nodes="multi")
Json = dict[str, Any]


PORTS: Final[dict[str, Json]] = {
    "bridge": {"bridge": "br1"},
    "host-device": {},
    "raw": {},
    "sriov": {"resourceName": "intel.com/netdevice"},
    "bond": {"mode": "active-backup", "links": [{"name": "net1"}, {"name": "net2"}]},
}


def network(**fields: Any) -> AnyNetwork:
    port = PORTS.get(fields.get("type", "macvlan"), {"master": "eth1"})
    body = {"name": "lan", "type": "macvlan", **port, **fields}
    return ADAPTER.validate_python(body, context=FROM_YAML)


def wb(cidr: str = "10.0.0.0/24", **fields: Any) -> Json:
    return {"type": "whereabouts", "range": cidr, **fields}


def local(cidr: str = "10.0.0.0/24", **fields: Any) -> Json:
    return {"type": "host-local", "subnet": cidr, **fields}


def static(address: str) -> Json:
    return {"type": "static", "addresses": [{"address": address}]}


def bridge(name: str, ipam: Json, **fields: Any) -> Json:
    return {"type": "bridge", "name": name, "isGateway": True, "ipam": ipam, **fields}


# (settings, what is rendered between `type` and `ipam`)
KINDS: Final[list[tuple[Json, Json]]] = [
    ({"type": "macvlan"}, {"master": "eth1", "mode": "bridge"}),
    (
        {"type": "macvlan", "mode": "vepa", "bcqueuelen": 5, "mtu": 9000},
        {"master": "eth1", "mode": "vepa", "bcqueuelen": 5, "mtu": 9000},
    ),
    ({"type": "macvlan", "bcqueuelen": 0}, {"master": "eth1", "mode": "bridge", "bcqueuelen": 0}),
    (
        {"type": "ipvlan", "mode": "l3s", "ipam": static("10.0.0.5/24")},
        {"master": "eth1", "mode": "l3s"},
    ),
    ({"type": "bridge"}, {"bridge": "br1"}),
    (
        {
            "type": "bridge",
            "isGateway": True,
            "forceAddress": True,
            "ipMasq": True,
            "ipMasqBackend": "nftables",
            "hairpinMode": True,
            "vlan": 5,
            "vlanTrunk": [{"id": 7}, {"minID": 10, "maxID": 20}],
            "preserveDefaultVlan": True,
            "macspoofchk": True,
            "enabledad": True,
            "portIsolation": True,
            "ipam": static("10.0.0.5/24") | {"routes": [{"dst": "10.9.0.0/16"}]},
        },
        {
            "bridge": "br1",
            "isGateway": True,
            "forceAddress": True,
            "ipMasq": True,
            "ipMasqBackend": "nftables",
            "hairpinMode": True,
            "vlan": 5,
            "vlanTrunk": [{"id": 7}, {"minID": 10, "maxID": 20}],
            "preserveDefaultVlan": True,
            "macspoofchk": True,
            "enabledad": True,
            "portIsolation": True,
        },
    ),
    ({"type": "bridge", "promiscMode": True}, {"bridge": "br1", "promiscMode": True}),
    ({"type": "bridge", "isGateway": False, "vlan": 4094}, {"bridge": "br1", "vlan": 4094}),
    (
        {"type": "vlan", "vlanId": 4094, "mtu": 1400, "ipam": static("10.0.0.5/24")},
        {"master": "eth1", "vlanId": 4094, "mtu": 1400},
    ),
    ({"type": "host-device", "device": "eth2"}, {"device": "eth2"}),
    ({"type": "host-device", "hwaddr": "02:00:00:00:00:01"}, {"hwaddr": "02:00:00:00:00:01"}),
    ({"type": "host-device", "pciBusID": "0000:00:1f.6"}, {"pciBusID": "0000:00:1f.6"}),
    (
        {"type": "host-device", "kernelpath": "/sys/devices/pci0000:00/0000:00:1f.6"},
        {"kernelpath": "/sys/devices/pci0000:00/0000:00:1f.6"},
    ),
    ({"type": "host-device", "resourceName": "intel.com/nic"}, {}),
    ({"type": "sriov"}, {}),
    (
        {
            "type": "sriov",
            "vlan": 5,
            "vlanQoS": 3,
            "vlanProto": "802.1ad",
            "spoofchk": False,
            "trust": True,
            "linkState": "auto",
            "minTxRate": 0,
            "maxTxRate": 100,
            "logLevel": "debug",
            "logFile": "/l",
            "capabilities": ["mac"],
        },
        {
            "vlan": 5,
            "vlanQoS": 3,
            "vlanProto": "802.1ad",
            "spoofchk": "off",
            "trust": "on",
            "link_state": "auto",
            "min_tx_rate": 0,
            "max_tx_rate": 100,
            "logLevel": "debug",
            "logFile": "/l",
            "capabilities": {"mac": True},
        },
    ),
    (
        {"type": "bond"},
        {
            "mode": "active-backup",
            "miimon": "100",
            "linksInContainer": True,
            "links": [{"name": "net1"}, {"name": "net2"}],
        },
    ),
    (
        {
            "type": "bond",
            "mode": "balance-tlb",
            "miimon": 50,
            "linksInContainer": False,
            "allSlavesActive": True,
            "tlbDynamicLb": False,
            "xmitHashPolicy": "layer3+4",
            "mtu": 1400,
        },
        {
            "mode": "balance-tlb",
            "miimon": "50",
            "linksInContainer": False,
            "links": [{"name": "net1"}, {"name": "net2"}],
            "allSlavesActive": 1,
            "tlbDynamicLb": 0,
            "xmitHashPolicy": "layer3+4",
            "mtu": 1400,
        },
    ),
    (
        {
            "type": "macvlan",
            "capabilities": ["mac", "ips"],
            "ipam": static("10.0.0.5/24"),
        },
        {"master": "eth1", "mode": "bridge", "capabilities": {"mac": True, "ips": True}},
    ),
]


@pytest.mark.parametrize(("fields", "rendered"), KINDS)
def test_renders_what_its_plugin_reads(fields: Json, rendered: Json) -> None:
    found = json.loads(render(network(**fields), PATHS))
    assert found == {
        "cniVersion": "1.0.0",
        "name": "default.lan",
        "type": fields["type"],
        **rendered,
        "ipam": fields.get("ipam", {}),
    }


# (settings, the plugins behind the network's own)
CHAINS: Final[list[tuple[Json, list[Json]]]] = [
    ({"tuning": {"promisc": True}}, [{"type": "tuning", "promisc": True}]),
    (
        {"tuning": {"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "txQLen": 0}},
        [{"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "txQLen": 0}],
    ),
    (
        {"type": "host-device", "device": "eth2", "tuning": {"mtu": 9000, "allmulti": False}},
        [{"type": "tuning", "allmulti": False, "mtu": 9000}],
    ),
    # A plugin that takes no MAC address has tuning behind it that does.
    (
        {"type": "host-device", "device": "eth2", "capabilities": ["mac"]},
        [{"type": "tuning", "capabilities": {"mac": True}}],
    ),
    (
        {
            "type": "bridge",
            "sbr": {},
            "bandwidth": {"egressRate": 10**6, "egressBurst": 10**6},
            "tuning": {"txQLen": 5},
            "ipam": local() | {"type": "host-local"},
        },
        [
            {"type": "tuning", "txQLen": 5},
            {"type": "bandwidth", "egressRate": 10**6, "egressBurst": 10**6},
            {"type": "sbr"},
        ],
    ),
]


@pytest.mark.parametrize(("fields", "behind"), CHAINS)
def test_renders_a_list_where_plugins_are_chained(fields: Json, behind: list[Json]) -> None:
    found = json.loads(render(network(**fields), PATHS))
    first, *others = found.pop("plugins")
    assert found == {"cniVersion": "1.0.0", "name": "default.lan"}
    assert others == behind
    shared = ("tuning", "sbr", "bandwidth", "capabilities")
    alone = {key: value for key, value in fields.items() if key not in shared}
    assert {**found, **first} == json.loads(render(network(**alone), PATHS))


def test_whereabouts_in_a_list_is_not_asked_to_check() -> None:
    """It has no CHECK, and libcni asks each plugin of a list."""
    fields: Json = {"tuning": {"promisc": True}, "ipam": wb()}
    assert json.loads(render(network(**fields), PATHS))["disableCheck"] is True


def test_every_plugin_that_is_called_is_named() -> None:
    for fields, behind in CHAINS:
        one = network(**fields)
        called = {one.type, *([one.ipam.type] if one.ipam else []), *(b["type"] for b in behind)}
        assert {*one.plugins} == called


def test_is_readable_in_a_diff_and_stable() -> None:
    text = render(network(namespace="data", mtu=1400, ipam=wb(gateway="10.0.0.1")), PATHS)
    assert text.splitlines() == [
        "{",
        '  "cniVersion": "1.0.0",',
        '  "name": "data.lan",',
        '  "type": "macvlan",',
        '  "master": "eth1",',
        '  "mode": "bridge",',
        '  "mtu": 1400,',
        '  "ipam": {',
        '    "type": "whereabouts",',
        '    "configuration_path": "/etc/cni/net.d/whereabouts.d/whereabouts.conf",',
        '    "range": "10.0.0.0/24",',
        '    "exclude": [',
        '      "10.0.0.1/32"',
        "    ],",
        '    "gateway": "10.0.0.1"',
        "  }",
        "}",
    ]


def test_no_two_networks_share_a_cni_name() -> None:
    """host-local keeps its state under it."""
    pairs = [("a", "b-c"), ("a-b", "c"), ("default", "lan"), ("lan", "default")]
    names = {network(namespace=space, name=name).cni_name for space, name in pairs}
    assert len(names) == len(pairs)
    assert "cbr0" not in names


BAD_ALONE: Final[list[tuple[Json, str]]] = [
    ({"master": ""}, "1 to 15 ASCII characters"),
    ({"master": "eth 1"}, "1 to 15 ASCII characters"),
    ({"master": "a/b"}, "1 to 15 ASCII characters"),
    ({"master": "sixteen-letters-"}, "1 to 15 ASCII characters"),
    ({"master": "ens33:1"}, 'Did you mean "ens33"?'),
    ({"name": "Lan"}, 'Did you mean "lan"?'),
    ({"name": "a.b"}, 'Did you mean "a-b"?'),
    ({"name": "a" * 64}, f'Did you mean "{"a" * 63}"?'),
    ({"mtu": 67}, "must be at least 68"),
    ({"type": "ipvlan"}, "ipvlan does not work without"),
    ({"type": "bridge", "bridge": "cni0"}, "both would break"),
    ({"type": "bridge", "vlan": 0}, "must be at least 1"),
    ({"type": "bridge", "vlanTrunk": [{}]}, "needs id, or minID and maxID"),
    ({"type": "bridge", "vlanTrunk": [{"maxID": 5}]}, "minID is needed too"),
    ({"type": "bridge", "ipMasqBackend": "nftables"}, "does nothing without ipMasq"),
    ({"type": "bridge", "preserveDefaultVlan": True}, "does nothing without vlan"),
    ({"type": "bridge", "isGateway": True, "ipam": wb()}, "Name it as ipam.gateway"),
    ({"type": "bridge", "ipMasq": True}, "needs addresses"),
    ({"mtu": 1279, "ipam": wb("fd00::/64")}, "IPv6 needs at least 1280"),
]


@pytest.mark.parametrize(("fields", "said"), BAD_ALONE)
def test_refuses_alone(fields: Json, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        network(**fields)
    assert said in str(caught.value)


def test_every_withheld_key_says_why() -> None:
    for kind in ("macvlan", "ipvlan", "bridge", "sriov", "bond"):
        with pytest.raises(ValidationError, match="is not offered: every pod of the network"):
            network(type=kind, mac="02:00:00:00:00:01", ipam=wb())


# (networks, the stack's IPAM, the cluster, the paths and words of all faults)
ACROSS: Final[list[tuple[list[Json], str, K3s, list[tuple[str, str]]]]] = [
    ([{"ipam": wb()}, {"name": "two", "ipam": wb("10.0.1.0/24")}], "whereabouts", MULTI, []),
    # The same name in another namespace, the same range on another wire.
    (
        [{"ipam": wb()}, {"namespace": "x", "master": "eth2", "ipam": wb()}],
        "whereabouts",
        MULTI,
        [],
    ),
    ([{}, {}], "dhcp", MULTI, [("1.name", "networks[0] in namespace default has that name")]),
    (
        [{}, {"name": "two", "type": "ipvlan", "ipam": static("10.0.0.5/24")}],
        "dhcp",
        MULTI,
        [("1.master", "networks[0] is a macvlan on it")],
    ),
    (
        [{}, {"name": "two", "mode": "passthru"}, {"name": "three"}],
        "dhcp",
        MULTI,
        [("1.master", "passthru takes a master alone")],
    ),
    (
        [{"mode": "passthru"}, {"name": "two"}, {"name": "three", "master": "eth2"}],
        "dhcp",
        MULTI,
        [("1.master", "passthru takes a master alone")],
    ),
    (
        [{"ipam": wb("10.0.0.0/23")}, {"name": "two", "ipam": wb("10.0.1.0/24")}],
        "whereabouts",
        MULTI,
        [("1.ipam.range", "overlaps networks[0] on eth1, which hands out 10.0.0.1 to 10.0.1.254")],
    ),
    (  # the faulty one is the later, whichever has the lower addresses
        [{"ipam": wb("10.0.1.0/24")}, {"name": "two", "ipam": wb("10.0.0.0/23")}],
        "whereabouts",
        MULTI,
        [("1.ipam.range", "overlaps networks[0] on eth1, which hands out 10.0.1.1 to 10.0.1.254")],
    ),
    (
        [{"ipam": wb()}, {"name": "two", "ipam": wb()}],
        "whereabouts",
        MULTI,
        [("1.ipam.range", "or give both the same networkName to share one pool")],
    ),
    (
        [
            {"ipam": wb(networkName="p")},
            {"name": "two", "ipam": wb(networkName="p")},
            {"name": "three", "ipam": wb(networkName="q")},
        ],
        "whereabouts",
        MULTI,
        [("2.ipam.range", "overlaps networks[0]")],
    ),
    (  # halves of one range, and a static address that is excluded
        [
            {"ipam": wb(rangeEnd="10.0.0.99", exclude=["10.0.0.7"])},
            {"name": "two", "ipam": wb(rangeStart="10.0.0.100")},
            {"name": "three", "ipam": static("10.0.0.7/24")},
        ],
        "whereabouts",
        MULTI,
        [],
    ),
    (
        [{"ipam": wb()}, {"name": "two", "ipam": static("10.0.0.7/24")}],
        "whereabouts",
        MULTI,
        [("1.ipam.addresses.0.address", "overlaps networks[0] on eth1")],
    ),
    (  # a bridge's VLANs are wires apart
        [
            {"type": "bridge", "vlan": 5, "ipam": wb()},
            {"type": "bridge", "vlan": 6, "name": "two", "ipam": wb()},
            {"type": "bridge", "vlan": 6, "name": "three", "ipam": wb()},
        ],
        "whereabouts",
        MULTI,
        [("2.ipam.range", "overlaps networks[1] on br1")],
    ),
    (
        [{"ipam": wb()}, {"name": "two", "ipam": {"type": "dhcp"}}],
        "dhcp",
        MULTI,
        [("0.ipam.type", "the stack deploys dhcp (multus:ipam), so that is dhcp or static")],
    ),
    (  # what one VLAN's port hears of the other
        [
            {"type": "bridge", "vlan": 5, "preserveDefaultVlan": True, "ipam": wb()},
            {"type": "bridge", "name": "two", "vlan": 6, "ipam": wb()},
            {"type": "bridge", "name": "three", "ipam": wb()},
        ],
        "whereabouts",
        MULTI,
        [("2.ipam.range", "overlaps networks[0] on br1")],
    ),
    (  # one gateway for two networks, and one that the bridge cannot have besides
        [
            bridge("one", local(rangeEnd="10.0.0.99")),
            bridge("two", local(rangeStart="10.0.0.100")),
            bridge("three", local("10.0.1.0/24")),
            bridge("four", local("10.0.2.0/24"), vlan=5),
            bridge("five", local("fd00:1::/64")),
            bridge("six", local("fd00:2::/64")),
        ],
        "host-local",
        SINGLE,
        [("2.isGateway", "for networks[0] it has 10.0.0.1/24")],
    ),
    (  # the same address, and another prefix
        [bridge("one", local()), bridge("two", local("10.0.0.128/25", gateway="10.0.0.129"))],
        "host-local",
        SINGLE,
        [
            ("1.ipam.subnet", "overlaps networks[0]"),
            ("0.ipam.subnet", "it hands out 10.0.0.129, a gateway of networks[1]"),
            ("1.isGateway", "the bridge would need 10.0.0.129/25"),
        ],
    ),
    (  # the plugin's own guess is a gateway where the bridge takes it, and only there
        [
            bridge("one", local(rangeStart="10.0.0.9")),
            {"type": "bridge", "name": "two", "ipam": static("10.0.0.1/24")},
            {"name": "three", "ipam": local("10.0.1.0/24", rangeStart="10.0.1.9")},
            {"name": "four", "ipam": static("10.0.1.1/24")},
        ],
        "host-local",
        SINGLE,
        [("1.ipam.addresses.0.address", "it hands out 10.0.0.1, a gateway of networks[0]")],
    ),
    ([{"ipam": wb("10.42.0.0/24")}], "whereabouts", MULTI, [("0.ipam.range", "clusterCidr")]),
    (
        [{"ipam": wb("10.42.0.0/24")}],
        "whereabouts",
        K3s(
            distribution="k3s",
            version="v1.34.2+k3s1",
            nodes="multi",
            cluster_cidr=(ip_network("10.52.0.0/16"),),
        ),
        [],
    ),
    (
        [{"ipam": wb(gateway="10.0.0.1", routes=[{"dst": "10.43.0.0/24"}])}],
        "whereabouts",
        MULTI,
        [("0.ipam.routes.0.dst", "serviceCidr")],
    ),
    (  # a VLAN is a wire of its own, and so is what goes without a tag
        [
            {"ipam": wb()},
            {"name": "two", "type": "vlan", "vlanId": 1, "ipam": wb()},
            {"name": "three", "type": "vlan", "vlanId": 5, "ipam": wb()},
            {"name": "four", "type": "bridge", "bridge": "eth1", "vlan": 5, "ipam": wb()},
        ],
        "whereabouts",
        MULTI,
        [("3.ipam.range", "overlaps networks[2] on eth1")],
    ),
    (
        [
            {"type": "sriov", "vlan": 5, "ipam": wb()},
            {"name": "two", "type": "sriov", "ipam": wb()},
            {"name": "three", "type": "sriov", "vlan": 5, "ipam": wb()},
            {"name": "four", "type": "sriov", "resourceName": "a.b/c", "vlan": 5, "ipam": wb()},
        ],
        "whereabouts",
        MULTI,
        [("2.ipam.range", "overlaps networks[0] on intel.com/netdevice")],
    ),
    (  # what one takes away no other has, in either order; an interface of the pod is no device
        [
            {"type": "bond", "linksInContainer": False},
            {"name": "two", "type": "bond"},
            {"name": "three", "type": "host-device", "device": "net2"},
            {"name": "four", "type": "bridge", "bridge": "net1"},
            {"name": "five", "type": "host-device", "device": "eth5"},
            {"name": "six", "type": "host-device", "pciBusID": "0000:00:1F.6"},
            {"name": "seven", "type": "host-device", "pciBusID": "0000:00:1f.6"},
        ],
        "dhcp",
        MULTI,
        [
            ("2.device", "networks[0] takes it away already"),
            ("3.bridge", "networks[0] takes it away from the node"),
            ("6.pciBusID", "networks[5] takes it away already"),
        ],
    ),
    (  # where a bond in the pod leads is not known
        [
            {"type": "bond", "ipam": wb()},
            {"name": "two", "type": "bond", "ipam": wb()},
        ],
        "whereabouts",
        MULTI,
        [],
    ),
    ([{"ipam": local()}], "host-local", SINGLE, []),
    ([{"ipam": local()}], "host-local", MULTI, [("0.ipam.type", "the cluster has several nodes")]),
    ([{"ipam": local(allowMultiNode=True)}], "host-local", MULTI, []),
]


@pytest.mark.parametrize(("listed", "ipam", "cluster", "expected"), ACROSS)
def test_across(
    listed: list[Json], ipam: str, cluster: K3s, expected: list[tuple[str, str]]
) -> None:
    placed = {index: network(**fields) for index, fields in enumerate(listed)}
    found = list(across.faults(placed, (ipam,), cluster))
    assert [".".join(str(step) for step in fault.path) for fault in found] == [
        path for path, _ in expected
    ]
    for fault, (_, words) in zip(found, expected, strict=True):
        assert words in fault.rule


def test_a_faulty_network_keeps_the_others_places() -> None:
    placed = {0: network(ipam=wb()), 2: network(name="two", ipam=wb())}
    [fault] = across.faults(placed, ("whereabouts",), MULTI)
    assert fault.path == (2, "ipam", "range")


def test_a_faulty_stack_ipam_or_cluster_is_not_blamed_on_networks() -> None:
    assert list(across.faults({0: network(ipam=local())}, (), None)) == []


def test_a_network_may_use_any_ipam_that_the_stack_deploys() -> None:
    placed = {0: network(ipam=wb()), 1: network(name="two", ipam={"type": "dhcp"})}
    assert list(across.faults(placed, ("whereabouts", "dhcp"), MULTI)) == []
    [fault] = across.faults(placed, ("whereabouts", "host-local"), MULTI)
    assert fault.path == (1, "ipam", "type")
    assert "whereabouts and host-local (multus:ipam and additionalIpam)" in fault.rule
    assert "To have dhcp too, list it in multus:additionalIpam" in fault.rule


def test_one_address_is_warned_of() -> None:
    one = network(ipam=wb(rangeStart="10.0.0.9", rangeEnd="10.0.0.9"))
    two = network(name="two", ipam=static("10.0.0.5/24"))
    assert len(list(across.warnings([one, two, network(name="three")]))) == 1


def gw(prefix: str) -> Json:
    return wb(f"{prefix}.0/24", gateway=f"{prefix}.1")


def test_a_thousand_networks_on_one_wire_take_no_time() -> None:
    prefixes = [f"10.{index // 250}.{index % 250}" for index in range(1000)]
    placed = {
        index: network(name=f"n{index}", ipam=gw(prefix)) for index, prefix in enumerate(prefixes)
    }
    start = time.process_time()
    assert list(across.faults(placed, ("whereabouts",), MULTI)) == []
    assert time.process_time() - start < 1
