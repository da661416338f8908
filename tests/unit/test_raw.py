"""raw: what is understood of a CNI configuration, and that the rest is named."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.args import MultusArgs
from components.model import FROM_YAML
from components.networks import Network, Raw, render
from tests.stacks.files import parsed
from tests.unit.test_networks import PATHS
from tests.unit.test_schema import GOOD

Json = dict[str, Any]
WHERE: Final = "/var/lib/rancher/k3s/agent/etc/cni/net.d/whereabouts.d/whereabouts.conf"


def raw(config: Any, **others: Any) -> Raw:
    body = {"name": "lan", "type": "raw", "config": config, **others}
    found = TypeAdapter(Network).validate_python(body, context=FROM_YAML)
    assert isinstance(found, Raw)
    return found


def sound(name: str) -> MultusArgs:
    config = {key: value for key, value in GOOD[name]["config"].items() if "multus:" in key}
    args, faults = parsed(config)
    assert args is not None, faults
    return args


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_a_typed_network_renders_is_understood_as_that_network(name: str) -> None:
    """So whatever is refused of a typed network is refused of the same written raw."""
    args = sound(name)
    for network in args.networks:
        if isinstance(network, Raw):
            continue
        text = render(network, args.cluster.paths)
        found = raw(
            text,
            name=network.name,
            namespace=network.namespace,
            annotations=dict(network.own_annotations),
        )
        assert found.reading.unchecked == []
        assert found.network is not None
        assert render(found.network, args.cluster.paths) == text
        assert json.loads(render(found, PATHS)) == json.loads(text)
        assert found.plugins[0] == network.type
        assert {*found.plugins} == {*network.plugins}


@pytest.mark.parametrize("written", ["mapping", "text"])
def test_is_rendered_as_it_is_with_version_and_name(written: str) -> None:
    config = {"type": "ptp", "ipMasq": True, "ipam": {"type": "dhcp"}}
    found = raw(config if written == "mapping" else json.dumps(config))
    assert json.loads(render(found, PATHS)) == {
        "cniVersion": "1.0.0",
        "name": "default.lan",
        **config,
    }
    assert raw({"cniVersion": "0.4.0", **config}).body()["cniVersion"] == "0.4.0"


UNCHECKED: Final[list[tuple[Json, list[str]]]] = [
    ({"type": "macvlan", "master": "eth1", "ipam": {}, "mtu": 0}, []),
    ({"type": "macvlan", "master": "eth1", "linkInContainer": True}, ["macvlan.linkInContainer"]),
    ({"type": "ptp", "ipam": {"type": "dhcp", "x": 1}}, ["dhcp.x", "the plugin ptp"]),
    (
        {"type": "macvlan", "master": "eth1", "ipam": {"type": "other"}},
        ["the ipam other", "the plugin macvlan with it"],
    ),
    (
        {
            "dns": {},
            "plugins": [
                {"type": "bridge", "bridge": "br1", "capabilities": {"x": True, "mac": True}},
                {"type": "tuning", "mtu": 1400, "dataDir": "/x"},
                {"type": "portmap"},
            ],
        },
        ["dns", "the capability x", "tuning.dataDir", "the plugin portmap"],
    ),
    (
        {
            "plugins": [
                {"type": "bridge", "bridge": "br1"},
                {"type": "tuning", "ipam": {"type": "dhcp"}, "capabilities": {"mac": True}},
                {"type": "bandwidth", "capabilities": {"bandwidth": True, "ips": False}},
            ],
        },
        ["tuning.ipam", "bandwidth.capabilities.bandwidth"],
    ),
    (
        {"plugins": [{"type": "dummy"}, {"type": "tuning", "promisc": True}, {"type": "vrf"}]},
        ["the plugin vrf", "the plugin dummy", "how tuning works behind it"],
    ),
    (
        {
            "type": "macvlan",
            "master": "eth1",
            "ipam": {
                "type": "whereabouts",
                "configuration_path": WHERE,
                "range": "10.0.0.0/24",
                "rangeStart": "10.0.0.9",  # the plugin reads range_start
            },
        },
        ["whereabouts.rangeStart"],
    ),
]


@pytest.mark.parametrize(("config", "unchecked"), UNCHECKED)
def test_names_what_it_does_not_check(config: Json, unchecked: list[str]) -> None:
    assert raw(config).reading.unchecked == unchecked


def test_zero_is_no_priority_of_a_vlan() -> None:
    named = {"k8s.v1.cni.cncf.io/resourceName": "intel.com/vf"}
    assert raw({"type": "sriov", "vlanQoS": 0}, annotations=named).network is not None
    with pytest.raises(ValidationError, match="vlanQoS is 1, but the plugin takes it beside vlan"):
        raw({"type": "sriov", "vlanQoS": 1}, annotations=named)


@pytest.mark.parametrize("kind", ["host-device", "vlan", "bond"])
def test_a_mac_address_that_a_pod_wishes_is_set_by_tuning(kind: str) -> None:
    kinds: dict[str, Json] = {
        "host-device": {"device": "eth1"},
        "vlan": {"master": "eth1", "vlanId": 5, "ipam": {"type": "dhcp"}},
        "bond": {
            "mode": "active-backup",
            "miimon": "100",
            "links": [{"name": "eth1"}, {"name": "eth2"}],
        },
    }
    first = kinds[kind]
    able = {"capabilities": {"mac": True}}
    with pytest.raises(ValidationError, match=rf'capabilities is "mac", but {kind} sets none'):
        raw({"type": kind, **first, **able})
    found = raw({"plugins": [{"type": kind, **first}, {"type": "tuning", **able}]})
    assert found.reading.unchecked == []
    assert found.network is not None
    assert found.network.capabilities == ("mac",)


def test_a_wish_that_is_refused_is_named_where_it_stands() -> None:
    plugins: list[Json] = [
        {"type": "ipvlan", "master": "eth1", "ipam": {"type": "dhcp"}},
        {"type": "tuning", "capabilities": {"mac": True}},
    ]
    with pytest.raises(ValidationError, match=r"config.plugins\[1\].capabilities is"):
        raw({"plugins": plugins})
    plugins[0]["capabilities"] = {"ips": True}
    with pytest.raises(ValidationError, match=r"config.plugins\[0\].capabilities is"):
        raw({"plugins": plugins})


def test_plugins_behind_one_that_is_not_modelled_are_checked_by_themselves() -> None:
    with pytest.raises(ValidationError, match=r"config.plugins\[1\].txQLen is -1"):
        raw({"plugins": [{"type": "dummy"}, {"type": "tuning", "txQLen": -1}]})


def test_warns_of_what_it_does_not_check() -> None:
    [said] = [one for one in sound("raw").warnings() if "default/two" in one]
    assert said == "network default/two is raw, and not checked are: the plugin ovs"


def test_defaults_are_the_plugins_own() -> None:
    """A bond takes its links from the node unless it says otherwise, unlike a typed one."""
    links = [{"name": "eth1"}, {"name": "eth2"}]
    bond = {"type": "bond", "mode": "active-backup", "miimon": "100", "links": links}
    found = raw(bond).network
    assert found is not None
    assert found.one_per_node


def test_a_gateway_in_ip_ranges_must_be_excluded() -> None:
    ranges: list[Json] = [
        {"range": "10.0.0.0/25"},
        {"range": "10.0.0.0/24", "exclude": ["10.0.0.0/25"]},
    ]
    ipam = {"type": "whereabouts", "gateway": "10.0.0.1", "ipRanges": ranges}
    with pytest.raises(ValidationError, match=r"ipRanges\[0\].exclude lacks 10.0.0.1/32"):
        raw({"type": "ptp", "ipam": ipam})
    ranges[0]["exclude"] = ["10.0.0.1"]
    assert raw({"type": "ptp", "ipam": ipam}).ipam is not None
