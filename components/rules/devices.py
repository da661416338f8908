"""Rules about devices of a node that several networks want, or that are the cluster's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..ipam import Dhcp
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


@rule("loopback-as-device")
def loopback_as_device(one: Declared, _: Configuration) -> Iterator[Hit]:
    for device, path in _named(one).items():
        if device == "lo":
            yield Hit(path, "that is the loopback interface", device)


@rule("device-of-the-cluster")
def device_of_the_cluster(one: Declared, _: Configuration) -> Iterator[Hit]:
    """Taken away, the cluster loses its network; used as a master, pods reach no wire."""
    for device, path in _named(one).items():
        if device in FLANNELS_TUNNELS or (device == FLANNELS_BRIDGE and path != ("bridge",)):
            yield Hit(path, "that is the cluster's own network, and no wire", device)


@rule("flannels-bridge")
def flannels_bridge(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if isinstance(network, Bridge) and network.bridge == FLANNELS_BRIDGE:
        yield Hit(("bridge",), "that is the bridge of K3s's own network", FLANNELS_BRIDGE)


@rule("bond-of-the-pods-own")
def bond_of_the_pods_own(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.typed, Bond) and one.typed.links_in_container:
        for index, link in enumerate(one.typed.links):
            if link.name in ("eth0", "lo"):
                yield Hit(("links", index, "name"), "the cluster needs it", link.name)


def _named(one: Declared) -> dict[str, tuple[str | int, ...]]:
    """Devices of the node that the network names, with the keys."""
    return {**one.typed.uses, **one.typed.takes} if one.typed is not None else {}


@rule("master-left-out")
def master_left_out(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if isinstance(network, OnMaster) and network.master is None and not network.link_in_container:
        yield Hit(("master",), "is left out, so it is the interface of each node's default route")


@rule("one-mac-for-all-pods")
def one_mac_for_all_pods(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if isinstance(network, Macvlan) and network.mac:
        yield Hit(("mac",), "every pod of the network has it, and a second one fails", network.mac)
    if network is not None and network.tuning is not None and network.tuning.mac:
        value = network.tuning.mac
        yield Hit(("tuning", "mac"), "every pod of the network has it", value)


@rule("one-pod-per-node")
def one_pod_per_node(one: Declared, _: Configuration) -> Iterator[Hit]:
    if one.typed is not None and (reason := one.typed.one_per_node):
        yield Hit(("type",), f"has room for one pod on a node: {reason}")


@rule("dhcp-behind-one-mac")
def dhcp_behind_one_mac(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.typed, Ipvlan) and isinstance(one.ipam, Dhcp):
        yield Hit(("ipam", "type"), "pods of ipvlan share the master's MAC address", "dhcp")


@rule("dhcp-on-layer-3")
def dhcp_on_layer_3(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.typed, Ipvlan) and isinstance(one.ipam, Dhcp) and one.typed.mode != "l2":
        yield Hit(("mode",), "on layer 3 no DHCP server hears a pod", one.typed.mode)


def _on_masters(config: Configuration) -> Iterator[tuple[Declared, Macvlan | Ipvlan, str]]:
    for one, network in config.typed:
        if isinstance(network, Macvlan | Ipvlan) and not network.link_in_container:
            yield one, network, network.segment


@rule("macvlan-and-ipvlan")
def macvlan_and_ipvlan(config: Configuration) -> Iterator[Hit]:
    first: dict[str, tuple[Declared, str]] = {}
    for one, network, master in _on_masters(config):
        other, kind = first.setdefault(master, (one, network.type))
        if kind != network.type:
            message = (
                f"networks[{other.index}] is a {kind} on it, and a master carries either macvlan "
                "or ipvlan"
            )
            yield Hit(one.place(("master",)), message, master)


@rule("ipvlan-modes-differ")
def ipvlan_modes_differ(config: Configuration) -> Iterator[Hit]:
    first: dict[str, tuple[Declared, str]] = {}
    for one, network, master in _on_masters(config):
        if isinstance(network, Ipvlan):
            other, mode = first.setdefault(master, (one, network.mode))
            if mode != network.mode:
                message = f"networks[{other.index}] has {mode}, and the mode is the master's"
                yield Hit(one.place(("mode",)), message, network.mode)


@rule("passthru-shared")
def passthru_shared(config: Configuration) -> Iterator[Hit]:
    first: dict[str, tuple[Declared, str]] = {}
    for one, network, master in _on_masters(config):
        if isinstance(network, Macvlan):
            other, mode = first.setdefault(master, (one, network.mode))
            if other.index != one.index and "passthru" in (network.mode, mode):
                message = f"passthru takes it alone, and networks[{other.index}] is on it too"
                yield Hit(one.place(("master",)), message, master)


@rule("vlan-twice")
def vlan_twice(config: Configuration) -> Iterator[Hit]:
    first: dict[tuple[str, int], int] = {}
    for one, network in config.typed:
        if isinstance(network, Vlan) and not network.link_in_container:
            other = first.setdefault((network.master, network.vlan_id), one.index)
            if other != one.index:
                message = (
                    f"networks[{other}] is that VLAN of {network.master}, and the kernel makes it "
                    "once on a node"
                )
                yield Hit(one.place(("vlanId",)), message, network.vlan_id)


@rule("device-taken-twice")
def device_taken_twice(config: Configuration) -> Iterator[Hit]:
    first: dict[str, int] = {}
    for one, network in config.typed:
        for device, path in network.takes.items():
            other = first.setdefault(device.lower(), one.index)
            if other != one.index:
                message = f"networks[{other}] takes it too, and one pod of a node can have it"
                yield Hit(one.place(path), message, device)


@rule("device-taken")
def device_taken(config: Configuration) -> Iterator[Hit]:
    takers = {device: one.index for one, network in config.typed for device in network.takes}
    for one, network in config.typed:
        for device, path in network.uses.items():
            if device in takers:
                message = (
                    f"networks[{takers[device]}] takes it away from the node while a pod has it: "
                    "no pod of this one starts then, and afterwards the device is down"
                )
                yield Hit(one.place(path), message, device)


@rule("vlan-by-name")
def vlan_by_name(config: Configuration) -> Iterator[Hit]:
    takers = {device: one.index for one, network in config.typed for device in network.takes}
    made = {
        (network.master, network.vlan_id): one.index
        for one, network in config.typed
        if isinstance(network, Vlan)
    }
    for one, network in config.typed:
        for device, path in network.uses.items():
            if not (match := re.fullmatch(r"(.+)\.([0-9]{1,4})", device)):
                continue
            below, vlan = match[1], int(match[2])
            if below in takers:
                message = f"by its name a VLAN of {below}, which networks[{takers[below]}] takes"
                yield Hit(one.place(path), f"{message} away from the node", device)
            if (below, vlan) in made:
                message = (
                    f"by its name it is VLAN {vlan} of {below}, which the kernel makes once, and "
                    f"networks[{made[below, vlan]}] makes it in pods"
                )
                yield Hit(one.place(path), message, device)


@rule("bridges-differ")
def bridges_differ(config: Configuration) -> Iterator[Hit]:
    first: dict[str, tuple[Declared, Bridge]] = {}
    for one, network in config.typed:
        if not isinstance(network, Bridge):
            continue
        other, there = first.setdefault(network.bridge, (one, network))
        for key, name in (("mtu", "mtu"), ("promiscMode", "promisc_mode")):
            if getattr(network, name) != getattr(there, name):
                message = f"networks[{other.index}] has another {key} on {network.bridge}"
                yield Hit(one.place((key,)), message, getattr(network, name))
        if bool(network.vlan or network.vlan_trunk) != bool(there.vlan or there.vlan_trunk):
            message = (
                f"only one of this and networks[{other.index}] has a VLAN on {network.bridge}: "
                "where the other's pod comes first, the bridge is made without VLAN filtering"
            )
            yield Hit(one.place(("vlan",)), message, network.vlan)


@rule("device-named-twice")
def device_named_twice(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.typed, HostDevice):
        first, *others = one.typed.named.items()
        for key, value in others:
            yield Hit((key,), f"{first[0]} says already which device it is", value)
