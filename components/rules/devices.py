"""Rules about devices of a node that several networks want, or that are the cluster's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final

from ..findings import Path
from ..ipam import Dhcp
from ..networks.base import TypedNetwork
from ..networks.bond import Bond
from ..networks.bridge import Bridge
from ..networks.host_device import HostDevice
from ..networks.ipvlan import Ipvlan
from ..networks.macvlan import Macvlan
from ..networks.on_master import OnMaster
from ..networks.vlan import Vlan
from .configuration import Configuration, Declared
from .registry import Hit, rule

FLANNELS_BRIDGE: Final = "cni0"
FLANNELS_TUNNELS: Final = (
    *("flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6"),
    "kube-ipvs0",
)


def _named(network: TypedNetwork) -> Iterator[tuple[str, Path]]:
    """Devices of the node that the network names, with the keys."""
    yield from {**network.uses, **network.takes}.items()


@rule("loopback-as-device", TypedNetwork)
def loopback_as_device(network: TypedNetwork) -> Iterator[Hit]:
    for device, path in _named(network):
        if device == "lo":
            yield Hit(path, "that is the loopback interface", device)


@rule("device-of-the-cluster", TypedNetwork)
def device_of_the_cluster(network: TypedNetwork) -> Iterator[Hit]:
    """A macvlan in mode passthru takes all that comes in by its master."""
    takes = {**network.takes}
    if isinstance(network, Bridge) or (isinstance(network, Macvlan) and network.one_per_node):
        takes |= network.uses
    for device, path in takes.items():
        if device in FLANNELS_TUNNELS or (device == FLANNELS_BRIDGE and path != ("bridge",)):
            yield Hit(path, "it carries the cluster's own network", device)


@rule("master-of-the-cluster", OnMaster)
def master_of_the_cluster(network: OnMaster) -> Iterator[Hit]:
    for device, path in network.uses.items() if not network.one_per_node else ():
        if device in (FLANNELS_BRIDGE, *FLANNELS_TUNNELS):
            message = (
                "it carries the cluster's own network, and pods reach those of their node only"
            )
            yield Hit(path, message, device)


@rule("flannels-bridge", Bridge)
def flannels_bridge(network: Bridge) -> Iterator[Hit]:
    if network.bridge == FLANNELS_BRIDGE and network.has_gateway:
        message = "that is the bridge of K3s's own network, which has an address already"
        yield Hit(("bridge",), message, FLANNELS_BRIDGE)


@rule("flannels-bridge-shared", Bridge)
def flannels_bridge_shared(network: Bridge) -> Iterator[Hit]:
    if network.bridge == FLANNELS_BRIDGE and not network.has_gateway:
        message = "that is the bridge of K3s's own network, and every pod of the node is on it"
        yield Hit(("bridge",), message, FLANNELS_BRIDGE)


@rule("bond-of-the-pods-own", Bond)
def bond_of_the_pods_own(network: Bond) -> Iterator[Hit]:
    for index, link in enumerate(network.links if network.links_in_container else ()):
        if link.name in ("eth0", "lo"):
            yield Hit(("links", index, "name"), "the cluster needs it", link.name)


@rule("master-left-out", OnMaster)
def master_left_out(network: OnMaster) -> Iterator[Hit]:
    if network.master is None and not network.link_in_container:
        yield Hit(("master",), "is left out, so it is the interface of each node's default route")


@rule("one-mac-for-all-pods", TypedNetwork)
def one_mac_for_all_pods(network: TypedNetwork) -> Iterator[Hit]:
    own = getattr(network, "mac", None)
    behind = network.tuning.mac if network.tuning is not None else None
    for path, mac in ((("mac",), own), (("tuning", "mac"), behind)):
        if mac:
            yield Hit(path, "every pod of the network has it, and a second one fails", mac)


@rule("one-pod-per-node", TypedNetwork)
def one_pod_per_node(network: TypedNetwork) -> Iterator[Hit]:
    if reason := network.one_per_node:
        yield Hit(("type",), f"has room for one pod on a node: {reason}")


@rule("device-named-twice", HostDevice)
def device_named_twice(network: HostDevice) -> Iterator[Hit]:
    first, *others = network.named.items()
    for key, value in others:
        yield Hit((key,), f"{first[0]} says already which device it is", value)


@rule("dhcp-behind-one-mac", Ipvlan)
def dhcp_behind_one_mac(network: Ipvlan) -> Iterator[Hit]:
    if isinstance(network.ipam, Dhcp):
        yield Hit(("ipam", "type"), "pods of ipvlan share the master's MAC address", "dhcp")


@rule("dhcp-on-layer-3", Ipvlan)
def dhcp_on_layer_3(network: Ipvlan) -> Iterator[Hit]:
    if isinstance(network.ipam, Dhcp) and network.mode != "l2":
        yield Hit(("mode",), "on layer 3 no DHCP server hears a pod", network.mode)


def sharing(
    config: Configuration, key: Callable[[Any], Hashable], *kinds: type[TypedNetwork]
) -> Iterator[tuple[int, Any, Declared, Any]]:
    """Networks that have a key in common with an earlier one: its index and itself, and both."""
    first: dict[Hashable, tuple[int, TypedNetwork]] = {}
    for one, network in config.typed:
        if isinstance(network, kinds) and (shared := key(network)) is not None:
            index, earlier = first.setdefault(shared, (one.index, network))
            if index != one.index:
                yield index, earlier, one, network


def _master(network: OnMaster) -> str | None:
    return None if network.link_in_container else network.segment


@rule("macvlan-and-ipvlan")
def macvlan_and_ipvlan(config: Configuration) -> Iterator[Hit]:
    for index, earlier, one, network in sharing(config, _master, Macvlan, Ipvlan):
        if earlier.type != network.type:
            message = (
                f"networks[{index}] is a {earlier.type} on it, and a master carries either macvlan "
                "or ipvlan"
            )
            yield Hit(one.place(("master",)), message, network.segment)


@rule("ipvlan-modes-differ")
def ipvlan_modes_differ(config: Configuration) -> Iterator[Hit]:
    for index, earlier, one, network in sharing(config, _master, Ipvlan):
        if earlier.mode != network.mode:
            message = f"networks[{index}] has {earlier.mode}, and the mode is the master's"
            yield Hit(one.place(("mode",)), message, network.mode)


@rule("passthru-shared")
def passthru_shared(config: Configuration) -> Iterator[Hit]:
    for index, earlier, one, network in sharing(config, _master, Macvlan):
        if "passthru" in (network.mode, earlier.mode):
            message = f"passthru takes it alone, and networks[{index}] is on it too"
            yield Hit(one.place(("master",)), message, network.segment)


def _vlan(network: Vlan) -> Hashable:
    return None if network.link_in_container else (network.master, network.vlan_id)


@rule("vlan-twice")
def vlan_twice(config: Configuration) -> Iterator[Hit]:
    for index, _, one, network in sharing(config, _vlan, Vlan):
        message = (
            f"networks[{index}] is that VLAN of {network.master}, and the kernel makes it once on "
            "a node"
        )
        yield Hit(one.place(("vlanId",)), message, network.vlan_id)


@rule("bridges-differ")
def bridges_differ(config: Configuration) -> Iterator[Hit]:
    for index, earlier, one, network in sharing(config, lambda one: one.bridge, Bridge):
        for key, name in (("mtu", "mtu"), ("promiscMode", "promisc_mode")):
            if getattr(network, name) != getattr(earlier, name):
                message = f"networks[{index}] has another {key} on {network.bridge}"
                yield Hit(one.place((key,)), message, getattr(network, name))
        if bool(network.vlan or network.vlan_trunk) != bool(earlier.vlan or earlier.vlan_trunk):
            message = (
                f"only one of this and networks[{index}] has a VLAN on {network.bridge}: where the "
                "other's pod comes first, the bridge is made without VLAN filtering"
            )
            yield Hit(one.place(("vlan",)), message, network.vlan)


def _takers(config: Configuration) -> dict[str, int]:
    """The first network that takes each device away."""
    found: dict[str, int] = {}
    for one, network in config.typed:
        for device in network.takes:
            found.setdefault(device.lower(), one.index)
    return found


@rule("device-taken-twice")
def device_taken_twice(config: Configuration) -> Iterator[Hit]:
    takers = _takers(config)
    for one, network in config.typed:
        for device, path in network.takes.items():
            if (other := takers[device.lower()]) != one.index:
                message = f"networks[{other}] takes it too, and one pod of a node can have it"
                yield Hit(one.place(path), message, device)


@rule("device-taken")
def device_taken(config: Configuration) -> Iterator[Hit]:
    takers = _takers(config)
    for one, network in config.typed:
        for device, path in network.uses.items():
            if (taker := takers.get(device)) is not None:
                message = (
                    f"networks[{taker}] takes it away from the node while a pod has it: no pod of "
                    "this one starts then, and afterwards the device is down"
                )
                yield Hit(one.place(path), message, device)


@rule("vlan-by-name")
def vlan_by_name(config: Configuration) -> Iterator[Hit]:
    takers = _takers(config)
    made = {_vlan(one): declared.index for declared, one in config.typed if isinstance(one, Vlan)}
    for one, network in config.typed:
        for device, path in network.uses.items():
            if not (match := re.fullmatch(r"(.+)\.([0-9]{1,4})", device)):
                continue
            below, vlan = match[1], int(match[2])
            message = f"by its name it is VLAN {vlan} of {below}, which networks[%d] %s"
            if below in takers:
                said = message % (takers[below], "takes away from the node")
                yield Hit(one.place(path), said, device)
            if (below, vlan) in made:
                said = message % (made[below, vlan], "makes in pods, and the kernel makes it once")
                yield Hit(one.place(path), said, device)
