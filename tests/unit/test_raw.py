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
        ["dns", "tuning.dataDir", "the plugin portmap", "the capability x"],
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
