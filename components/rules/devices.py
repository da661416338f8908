"""Rules about devices of a node that several networks want, or that are the cluster's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final

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
from .registry import Hit, at, check, where

FLANNELS_BRIDGE: Final = "cni0"
TUNNELS: Final = (
    *("flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6", "kube-ipvs0"),
    # Cilium's and Calico's, of which rke2-killall.sh removes all but the first.
    *("cilium_host", "cilium_net", "cilium_vxlan", "cilium_wg0", "vxlan.calico", "vxlan-v6.calico"),
)


@check(TypedNetwork)
def devices(network: TypedNetwork, config: Configuration) -> Iterator[Hit]:
    """A node loses what a pod takes, and all that comes in by a macvlan's master in passthru."""
    own = (*TUNNELS, FLANNELS_BRIDGE) if config.flannel else TUNNELS
    bridge = isinstance(network, Bridge)
    passthru = isinstance(network, Macvlan) and network.one_per_node
    shares = isinstance(network, OnMaster) and not network.one_per_node
    gateway = isinstance(network, Bridge) and network.gateway_key
    for device, path in {**network.uses, **network.takes}.items():
        on_flannels = bridge and device == FLANNELS_BRIDGE and config.flannel
        clusters = device in own and not on_flannels
        lost = bridge or passthru or device in network.takes
        yield from where(
            ("loopback-as-device", path, device == "lo"),
            ("device-of-the-cluster", path, clusters and lost),
            ("master-of-the-cluster", path, clusters and shares),
            ("flannels-bridge", path, on_flannels and gateway),
            ("flannels-bridge-shared", path, on_flannels and not gateway),
        )


@check(TypedNetwork)
def one_network(it: TypedNetwork) -> Iterator[Hit]:
    tuned = it.tuning is not None and it.tuning.mac
    yield from where(
        ("one-mac-for-all-pods", "mac", getattr(it, "mac", None)),
        ("one-mac-for-all-pods", "tuning.mac", tuned),
        ("one-pod-per-node", "type", it.one_per_node),
    )
    if isinstance(it, Vlan) and it.vlan_id == 0:
        yield at("vlan-zero", "vlanId")
    if isinstance(it, OnMaster) and it.master is None and not it.link_in_container:
        yield at("master-left-out", "master")
    if isinstance(it, Ipvlan) and isinstance(it.ipam, Dhcp):
        yield at("dhcp-behind-one-mac", "ipam", "type")
        if it.mode != "l2":
            yield at("dhcp-on-layer-3", "mode")
    if isinstance(it, HostDevice):
        first, *others = it.named
        yield from (at("device-named-twice", key, first=first) for key in others)
    if isinstance(it, Bond) and it.links_in_container:
        for index, link in enumerate(it.links):
            if link.name in ("eth0", "lo"):
                yield at("bond-of-the-pods-own", "links", index, "name")


# --- Networks that want the same ---


def sharing(
    config: Configuration, key: Callable[[Any], Hashable], *kinds: type[TypedNetwork]
) -> Iterator[tuple[Declared, Any, Declared, Any]]:
    """Networks that have a key in common with an earlier one, each as declared and as it is."""
    first: dict[Hashable, tuple[Declared, Any]] = {}
    for one, network in config.typed:
        if isinstance(network, kinds) and (found := key(network)) is not None:
            other, earlier = first.setdefault(found, (one, network))
            if other is not one and not network.apart_from(earlier):
                yield one, network, other, earlier


def _master(network: OnMaster) -> str | None:
    return None if network.link_in_container else network.segment


def _vlan(network: Vlan) -> Hashable:
    return None if network.link_in_container else (network.master, network.vlan_id)


@check()
def one_master(config: Configuration) -> Iterator[Hit]:
    for one, it, other, first in sharing(config, _master, Macvlan, Ipvlan):
        if it.type != first.type:
            yield at("macvlan-and-ipvlan", "master", of=one, other=other, first=first)
    for one, it, other, first in sharing(config, _master, Ipvlan):
        if it.mode != first.mode:
            yield at("ipvlan-modes-differ", "mode", of=one, other=other, first=first)
    for one, it, other, first in sharing(config, _master, Macvlan):
        if "passthru" in (it.mode, first.mode):
            yield at("passthru-shared", "master", of=one, other=other)
    for one, it, other, _ in sharing(config, _vlan, Vlan):
        yield at("vlan-twice", "vlanId", of=one, it=it, other=other)


@check()
def one_bridge(config: Configuration) -> Iterator[Hit]:
    for one, it, other, first in sharing(config, lambda it: it.bridge, Bridge):
        for key, name in (("mtu", "mtu"), ("promiscMode", "promisc_mode")):
            if getattr(it, name) != getattr(first, name):
                yield at("bridges-differ", key, of=one, other=other, bridge=it.bridge)
        if bool(it.vlan or it.vlan_trunk) != bool(first.vlan or first.vlan_trunk):
            message = (
                f"only one of this and {other} has a VLAN on {it.bridge}: where the other's pod "
                "comes first, the bridge is made without VLAN filtering"
            )
            yield at("bridges-differ", "vlan", of=one, message=message)


@check()
def taken(config: Configuration) -> Iterator[Hit]:
    """Devices that another network takes away, or makes, as far as names tell."""
    takers: dict[str, Declared] = {}
    made: dict[Hashable, Declared] = {}
    for one, network in config.typed:
        for device in network.takes:
            takers.setdefault(device, one)
        if isinstance(network, Vlan):
            made[_vlan(network)] = one
    for one, network in config.typed:
        for device, path in network.takes.items():
            if (other := takers[device]) is not one:
                yield at("device-taken-twice", *path, of=one, other=other)
        for device, path in network.uses.items():
            if device in takers:
                yield at("device-taken", *path, of=one, other=takers[device])
            if not (match := re.fullmatch(r"(.+)\.([0-9]{1,4})", device)):
                continue
            below, vlan = match[1], int(match[2])
            for maker, does in (
                (takers.get(below), "takes away from the node"),
                (made.get((below, vlan)), "makes in pods, and the kernel makes it once"),
            ):
                if maker is not None:
                    wire = f"VLAN {vlan} of {below}"
                    yield at("vlan-by-name", *path, of=one, wire=wire, other=maker, does=does)
