"""What works and will surprise is said, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from components.args import MultusArgs

RANGE = "192.168.20.0/24"


def network(name: str, master: str = "eth1", **ipam: Any) -> dict[str, Any]:
    plugin = {"type": "whereabouts", "range": RANGE} | ipam
    return {"name": name, "type": "macvlan", "master": master, "ipam": plugin}


def warnings(*networks: dict[str, Any], **changes: Any) -> list[str]:
    base = {
        "cluster": {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"},
        "ipam": "whereabouts",
        "networks": list(networks),
    }
    return list(MultusArgs.model_validate(base | changes).warnings())


def test_an_ordinary_stack_has_none() -> None:
    assert warnings(network("a"), network("b", "eth2", range="192.168.21.0/24")) == []


def test_one_pool_on_two_wires() -> None:
    [said] = warnings(network("a"), network("b", "eth2"))
    assert said.startswith("networks default/a and default/b are on different wires")
    assert "networkName" in said


def test_control_pools_with_names_of_their_own() -> None:
    assert warnings(network("a", networkName="one"), network("b", "eth2", networkName="two")) == []


def test_a_single_address() -> None:
    [said] = warnings(network("a", rangeStart="192.168.20.9", rangeEnd="192.168.20.9"))
    assert "has one address" in said


@pytest.mark.parametrize(("version", "warned"), [("v1.30.5+k3s1", True), ("v1.30.6+k3s1", False)])
def test_a_directory_that_an_upgrade_replaces(version: str, *, warned: bool) -> None:
    said = warnings(cluster={"distribution": "k3s", "version": version, "nodes": "single"})
    assert bool(said) is warned


@pytest.mark.parametrize(("shared", "warned"), [(["x"], True), (["x", "default"], False)])
def test_global_namespaces_that_leave_out_default(shared: list[str], *, warned: bool) -> None:
    said = warnings(network("a"), globalNamespaces=shared)
    assert bool(said) is warned


def bridge(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "bridge", "bridge": "br1", **fields}


def test_pools_that_overlap_on_two_wires() -> None:
    """enableOverlappingRanges keeps them apart, although they are two pools."""
    wide = network("b", "eth2", range="192.168.0.0/16")
    [said] = warnings(network("a"), wide)
    assert "share addresses of 192.168.20.0/24" in said


def test_control_pools_that_overlap_and_know_nothing_of_each_other() -> None:
    apart = network("b", "eth2", range="192.168.0.0/16", enableOverlappingRanges=False)
    assert warnings(network("a"), apart) == []


def test_a_bridge_that_is_made_without_vlan_filtering() -> None:
    [said] = warnings(bridge("plain"), bridge("tagged", vlan=5))
    assert said.startswith("networks default/plain and default/tagged share the bridge br1")


@pytest.mark.parametrize(
    ("key", "one", "other"), [("mtu", 1500, 9000), ("promiscMode", True, False)]
)
def test_a_bridge_that_two_networks_set_up_differently(key: str, one: Any, other: Any) -> None:
    [said] = warnings(bridge("a", **{key: one}), bridge("b", **{key: other}))
    assert "networks default/a and default/b share the bridge br1 and differ in" in said
    assert warnings(bridge("a", **{key: one}), bridge("b", **{key: one})) == []


def test_control_a_bridge_with_vlans_only() -> None:
    assert warnings(bridge("one", vlan=1), bridge("tagged", vlan=5)) == []


@pytest.mark.parametrize(
    ("ipam", "warned"),
    [
        ({"routes": [{"dst": "172.16.0.0/12"}]}, True),
        ({"routes": [{"dst": "172.16.0.0/12", "gw": "192.168.20.1"}]}, False),
        ({"routes": [{"dst": "172.16.0.0/12"}], "gateway": "192.168.20.1"}, False),
    ],
)
def test_a_route_without_a_router(ipam: dict[str, Any], *, warned: bool) -> None:
    said = warnings(network("a", **ipam))
    assert bool(said) is warned


def test_ipvlan_with_dhcp() -> None:
    pods = {"name": "a", "type": "ipvlan", "master": "eth1", "ipam": {"type": "dhcp"}}
    [said] = warnings(pods, ipam="dhcp")
    assert "client identifiers" in said


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"type": "vlan", "master": "eth1", "vlanId": 5, "ipam": {"type": "dhcp"}},
            "VLAN 5 of eth1 once",
        ),
        ({"type": "macvlan", "master": "eth1", "mode": "passthru"}, "gives eth1 to one macvlan"),
        ({"type": "macvlan", "master": "eth1"}, None),
        ({"type": "host-device", "device": "eth2"}, "takes eth2 away"),
        ({"type": "host-device", "resourceName": "a.b/c"}, None),
        ({"linksInContainer": False}, "takes eth1 and eth2 away"),
        ({"linksInContainer": True}, None),
    ],
)
def test_room_for_one_pod_on_a_node(fields: dict[str, Any], why: str | None) -> None:
    links = [{"name": "eth1"}, {"name": "eth2"}]
    bond = {"type": "bond", "mode": "active-backup", "links": links}
    said = warnings({"name": "a", **({} if "type" in fields else bond), **fields}, ipam="dhcp")
    assert len(said) == (why is not None)
    assert all(
        "room for one pod of network default/a: the " in one and str(why) in one for one in said
    )


def test_control_bonds_whose_wires_are_not_known() -> None:
    links = [{"name": "net1"}, {"name": "net2"}]
    bond = {"type": "bond", "mode": "active-backup", "links": links}
    one = bond | {"name": "a", "ipam": {"type": "whereabouts", "range": RANGE}}
    assert warnings(one, one | {"name": "b"}) == []


def vlan(name: str, vlan_id: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "vlan",
        "master": "eth1",
        "vlanId": vlan_id,
        "ipam": {"type": "static", "addresses": [{"address": "10.9.0.5/24"}]},
    }


def test_a_vlan_interface_of_the_node_by_its_name() -> None:
    on_it = {"name": "on", "type": "macvlan", "master": "eth1.5"}
    said, _ = warnings(on_it, vlan("made", 5))
    assert said.startswith("network default/on is on eth1.5, by its name VLAN 5 of eth1")
    assert "network default/made would not start" in said
    taker = {"name": "away", "type": "host-device", "device": "eth1"}
    said, _ = warnings(on_it, taker)
    assert said.endswith("network default/away takes eth1 away from the node while a pod has it")


def test_control_other_vlans_and_devices() -> None:
    on_it = {"name": "on", "type": "macvlan", "master": "eth1.5"}
    taker = {"name": "away", "type": "host-device", "device": "eth2"}
    assert all("room for one pod" in said for said in warnings(on_it, vlan("made", 6), taker))
