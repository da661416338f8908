"""Rules about gateways: no pod is given a router's address, and a bridge has one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ..fields import Address, Cidr, Interface, contains, versions_of
from ..ipam import Dhcp, HostLocal, Static, Whereabouts
from ..ipam.base import is_host
from ..networks.base import DEFAULT_VLAN, Wire
from ..networks.bridge import Bridge
from .configuration import Configuration, Declared
from .registry import Hit, rule

KEEP_OUT = {
    "host-local": "Keep it out by rangeStart or rangeEnd",
    "static": "Take another address",
    "whereabouts": "Put it into exclude",
}


def _routers(one: Declared) -> tuple[Address, ...]:
    """Addresses that a router has, or that the network's bridge takes."""
    return (*(one.ipam.gateways if one.ipam else ()), *_of_bridge(one))


def _of_bridge(one: Declared) -> list[Address]:
    bridge = one.typed.own_addresses if isinstance(one.typed, Bridge) else ()
    return [each.ip for each in bridge]


@rule("gateway-handed-out")
def gateway_handed_out(config: Configuration) -> Iterator[Hit]:
    by_wire: dict[Wire, dict[Address, int]] = {}
    for one in config.networks:
        for wire in (*one.wires, ("own", one.index)):
            for router in _routers(one):
                by_wire.setdefault(wire, {}).setdefault(router, one.index)
    for one in config.networks:
        routers: dict[Address, int] = {}
        for wire in (("own", one.index), *one.wires):
            for router, index in by_wire.get(wire, {}).items():
                routers.setdefault(router, index)
        for pool in one.pools:
            for router in sorted(filter(pool.hands_out, routers), key=int):
                own = routers[router] == one.index
                if own and isinstance(one.ipam, Static) and router not in _of_bridge(one):
                    continue  # its own address as its gateway is another rule's
                whose = routers[router]
                of = "its own gateway" if whose == one.index else f"a gateway of networks[{whose}]"
                where = one.place(("ipam", *pool.path))
                remedy = KEEP_OUT.get(one.ipam.type if one.ipam else "", "")
                yield Hit(where, f"it hands out {router}, {of}", str(pool), remedy)


@rule("gateway-is-the-pods")
def gateway_is_the_pods(one: Declared, _: Configuration) -> Iterator[Hit]:
    if not isinstance(one.ipam, Static):
        return
    own = [entry.address.ip for entry in one.ipam.addresses]
    for index, entry in enumerate(one.ipam.addresses):
        if entry.gateway in own:
            where = ("ipam", "addresses", index, "gateway")
            yield Hit(where, "that is the pod's own address", str(entry.gateway))


def _named(one: Declared) -> Iterator[tuple[tuple[str | int, ...], Address | None, list[Cidr]]]:
    """Each gateway with its path, and the networks of which one must hold it."""
    plugin = one.ipam
    if isinstance(plugin, Whereabouts):
        yield ("gateway",), plugin.gateway, [pool.cidr for pool in plugin.pools]
    elif isinstance(plugin, HostLocal):
        for path, subnet in (member for members in plugin.sets for member in members):
            yield (*path, "gateway"), subnet.gateway, [subnet.subnet] if subnet.subnet else []
    elif isinstance(plugin, Static):
        for index, entry in enumerate(plugin.addresses):
            yield ("addresses", index, "gateway"), entry.gateway, [entry.address.network]


@rule("gateway-outside-range")
def gateway_outside_range(one: Declared, _: Configuration) -> Iterator[Hit]:
    for path, gateway, cidrs in _named(one):
        if gateway is None:
            continue
        inside = [cidr for cidr in cidrs if contains(cidr, gateway)]
        if not inside:
            message = f"a pod with an address of {cidrs[0]} cannot reach it"
            yield Hit(("ipam", *path), message, str(gateway), f"Choose one inside {cidrs[0]}")
        elif not any(is_host(gateway, cidr) for cidr in inside):
            message = f"that is not a host's address in {inside[0]}"
            yield Hit(("ipam", *path), message, str(gateway), "Choose another")


@rule("bridge-takes-the-routers-address")
def bridge_takes_the_routers_address(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if isinstance(network, Bridge) and isinstance(one.ipam, Dhcp) and _is_gateway(network):
        message = "the bridge would take the address of the DHCP server's gateway"
        yield Hit(("isGateway",), message, value=True)


@rule("bridge-address-by-the-pod")
def bridge_address_by_the_pod(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if not isinstance(network, Bridge) or not isinstance(one.ipam, Static):
        return
    if _is_gateway(network) and "ips" in network.capabilities:
        message = "for a pod that brings its address the bridge takes the first one of that network"
        yield Hit(("isGateway",), message, value=True)


def _is_gateway(network: Bridge) -> bool:
    return network.is_gateway or network.is_default_gateway


@rule("gateway-of-two-families")
def gateway_of_two_families(one: Declared, _: Configuration) -> Iterator[Hit]:
    plugin, network = one.ipam, one.typed
    if not isinstance(plugin, Whereabouts) or len(versions_of(p.cidr for p in plugin.pools)) < 2:
        return
    if plugin.gateway is None or network is None:
        return
    if network.sbr is not None or (isinstance(network, Bridge) and network.own_addresses):
        message = "the plugin sets it on the addresses of both families"
        yield Hit(("ipam", "gateway"), message, str(plugin.gateway))


def _collide(one: Interface, other: Interface) -> bool:
    """Whether a bridge can have only one of the two."""
    if one == other or one.version != other.version:
        return False
    return one.version == 4 or one.ip in other.network or other.ip in one.network


@rule("bridge-address-conflict")
def bridge_address_conflict(config: Configuration) -> Iterator[Hit]:
    held: list[tuple[Declared, tuple[str, int], Interface]] = []
    for one, network in config.typed:
        if not isinstance(network, Bridge):
            continue
        place = (network.bridge, network.vlan or DEFAULT_VLAN)
        own = network.own_addresses
        if pair := next((pair for pair in combinations(own, 2) if _collide(*pair)), None):
            message = f"the bridge would need {pair[0]} and {pair[1]}, and it can have one of them"
            remedy = "Leave isGateway out, or make a network of each subnet, on bridges or VLANs"
            yield Hit(one.place(("isGateway",)), message, remedy=f"{remedy} of their own")
        for wanted in own:
            clash = next((h for h in held if h[1] == place and _collide(h[2], wanted)), None)
            if clash is not None and clash[0].index != one.index:
                message = (
                    f"the bridge would need {wanted}, and for networks[{clash[0].index}] it has "
                    f"{clash[2]}. It can have one of them"
                )
                yield Hit(one.place(("isGateway",)), message)
                break
        held += [(one, place, wanted) for wanted in own]


@rule("subnet-on-two-bridges")
def subnet_on_two_bridges(config: Configuration) -> Iterator[Hit]:
    held: list[tuple[Declared, tuple[str, int], Interface]] = []
    for one, network in config.typed:
        if not isinstance(network, Bridge):
            continue
        place = (network.bridge, network.vlan or DEFAULT_VLAN)
        for wanted in network.own_addresses:
            for other, there, has in held:
                if there != place and (has.ip in wanted.network or wanted.ip in has.network):
                    message = (
                        f"the node would have {wanted} beside {has}, which it has for "
                        f"networks[{other.index}] on another bridge or VLAN, and answer pods of "
                        "one of them only"
                    )
                    yield Hit(one.place(("isGateway",)), message)
                    break
            held.append((one, place, wanted))
