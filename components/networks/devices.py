"""Devices that several networks want: what the kernel gives once, and what a pod takes away.

Everything here is about one node, for a device has one name on all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from components.faults import Fault, Path
from components.networks.kinds import AnyTyped, Bond, Bridge, HostDevice, Ipvlan, Macvlan, Vlan
from components.networks.wires import Placed

TAKES: Final = "takes it away from the node while a pod has it. Use another device"


def faults(networks: Placed) -> Iterator[Fault]:
    yield from _masters(networks)
    yield from _vlans(networks)
    yield from _taken(networks)


def warnings(networks: Placed) -> Iterator[str]:
    """What the devices' names let expect. A name is no proof, so nothing is refused for it."""
    takers = {device: one for one in networks.values() for device in _takes(one)}
    made = {(one.master, one.vlan_id): one for one in networks.values() if isinstance(one, Vlan)}
    for network in networks.values():
        for device in _used(network):
            if not (match := re.fullmatch(r"(.+)\.([0-9]{1,4})", device)):
                continue
            below, vlan = match[1], int(match[2])
            if taker := takers.get(below):
                yield (
                    f"network {network.key} is on {device}, by its name a VLAN of {below}, and "
                    f"network {taker.key} takes {below} away from the node while a pod has it"
                )
            if double := made.get((below, vlan)):
                yield (
                    f"network {network.key} is on {device}, by its name VLAN {vlan} of {below}: "
                    f"the kernel makes that once on a node, so pods of network {double.key} would "
                    f"not start. Use macvlan on {device} for both"
                )


def _masters(networks: Placed) -> Iterator[Fault]:
    """The kernel gives a master to macvlan or to ipvlan, not to both (multus-cni#1339)."""
    first: dict[str, tuple[int, Macvlan | Ipvlan]] = {}
    for index, network in networks.items():
        if isinstance(network, Macvlan | Ipvlan):
            other, holder = first.setdefault(network.master, (index, network))
            if holder.type != network.type:
                yield Fault(
                    (index, "master"),
                    f"networks[{other}] is a {holder.type} on it, and a master carries either "
                    "macvlan or ipvlan. Make both of one type or take another master",
                    network.master,
                )
            elif isinstance(network, Ipvlan) and network.mode != holder.mode:
                yield Fault(
                    (index, "mode"),
                    f"networks[{other}] has {holder.mode}, and the mode is the master's: the later "
                    "one would change both. Use one mode",
                    network.mode,
                )
            elif other != index and "passthru" in (network.mode, holder.mode):
                yield Fault(
                    (index, "master"),
                    f"passthru takes a master alone, and networks[{other}] is on it too",
                    network.master,
                )


def _vlans(networks: Placed) -> Iterator[Fault]:
    """`vlan_check_real_dev` in the kernel: file exists (containernetworking/plugins#243)."""
    first: dict[tuple[str, int], int] = {}
    for index, network in networks.items():
        if isinstance(network, Vlan):
            other = first.setdefault((network.master, network.vlan_id), index)
            if other != index:
                yield Fault(
                    (index, "vlanId"),
                    f"networks[{other}] is that VLAN of {network.master}, and the kernel makes it "
                    "once on a node. Use one network for both",
                    network.vlan_id,
                )


def _used(network: AnyTyped) -> dict[str, Path]:
    """Devices of the node that the network's pods use, each with the key that names it."""
    match network:
        case Macvlan() | Ipvlan() | Vlan():
            return {network.master: ("master",)}
        case Bridge():
            return {network.bridge: ("bridge",)}
        case _:
            return {}


def _takes(network: AnyTyped) -> dict[str, Path]:
    """Devices that a pod of the network takes away, each with the key that names it."""
    match network:
        case HostDevice(device=str() as device):
            return {device: ("device",)}
        case HostDevice(hwaddr=str() as address):
            return {address.lower(): ("hwaddr",)}
        case HostDevice(pci_bus_id=str() as address):
            return {address.lower(): ("pciBusID",)}
        case HostDevice(kernelpath=str() as path):
            return {path: ("kernelpath",)}
        case Bond():
            return {link: ("links", at, "name") for at, link in enumerate(network.node_links)}
        case _:
            return {}


def _taken(networks: Placed) -> Iterator[Fault]:
    takers: dict[str, int] = {}
    users: dict[str, int] = {}
    for index, network in networks.items():
        for device, path in _takes(network).items():
            if (other := takers.setdefault(device, index)) != index:
                rule = (
                    f"networks[{other}] takes it away already, and one pod of a node can have it. "
                    "Use one network for both"
                )
                yield Fault((index, *path), rule, device)
            elif device in users:
                rule = f"networks[{users[device]}] is on it, and this one {TAKES}"
                yield Fault((index, *path), rule, device)
        for device, path in _used(network).items():
            users.setdefault(device, index)
            if device in takers:
                yield Fault((index, *path), f"networks[{takers[device]}] {TAKES}", device)
