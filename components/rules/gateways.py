"""Rules about gateways: no pod is given a router's address, and a bridge has one of its own."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, islice

from ..addresses import Address, Cidr, Interface, contains, versions_of
from ..findings import Path
from ..ipam import Dhcp, HostLocal, Static, Whereabouts
from ..ipam.base import Ipam, Pool, is_host
from ..networks.base import DEFAULT_VLAN, TypedNetwork, Wire
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


def _handed_out(config: Configuration) -> Iterator[tuple[Declared, Pool, Address, int]]:
    """Routers' addresses that a network on their wire hands out, and whose routers they are."""
    found: defaultdict[Wire, dict[Address, int]] = defaultdict(dict)
    for one in config.networks:
        for wire in one.wires:
            for router in _routers(one):
                found[wire].setdefault(router, one.index)
    by_wire = {wire: sorted(here, key=int) for wire, here in found.items()}
    for one in config.networks:
        own = dict.fromkeys(_routers(one), one.index)
        for pool in one.pools:
            routers = own.copy()
            for wire in one.wires:
                for router in _between(by_wire.get(wire, []), pool):
                    routers.setdefault(router, found[wire][router])
            for router in sorted(filter(pool.hands_out, routers), key=int):
                yield one, pool, router, routers[router]


def _by_a_router(one: Declared, router: Address, config: Configuration) -> bool:
    """Whether the address may be that of a pod which is the router itself."""
    bridges = (address for each in config.networks for address in _of_bridge(each))
    return isinstance(one.ipam, Static) and router not in bridges


@rule("gateway-handed-out")
def gateway_handed_out(config: Configuration) -> Iterator[Hit]:
    for one, pool, router, whose in _handed_out(config):
        if not _by_a_router(one, router, config):
            of = "its own gateway" if whose == one.index else f"a gateway of networks[{whose}]"
            if router in _of_bridge(one):
                of = "which the bridge takes itself"
            remedy = KEEP_OUT.get(one.ipam.type if one.ipam else "", "")
            where = one.place(("ipam", *pool.path))
            yield Hit(where, f"it hands out {router}, {of}", str(pool), remedy)


@rule("static-is-a-gateway")
def static_is_a_gateway(config: Configuration) -> Iterator[Hit]:
    for one, pool, router, whose in _handed_out(config):
        if whose != one.index and _by_a_router(one, router, config):
            where = one.place(("ipam", *pool.path))
            yield Hit(where, f"that is a gateway of networks[{whose}]", str(pool))


def _between(routers: list[Address], pool: Pool) -> list[Address]:
    """Those from the pool's first address to its last; `routers` is in order."""
    start = bisect_left(routers, int(pool.first), key=int)
    return routers[start : bisect_right(routers, int(pool.last), key=int)]


@rule("gateway-is-the-pods", Static)
def gateway_is_the_pods(ipam: Static) -> Iterator[Hit]:
    own = [entry.address.ip for entry in ipam.addresses]
    for index, entry in enumerate(ipam.addresses):
        if entry.gateway in own:
            where = ("addresses", index, "gateway")
            yield Hit(where, "that is the pod's own address", str(entry.gateway))


def _named(plugin: Ipam) -> Iterator[tuple[Path, Address | None, list[Cidr]]]:
    """Each gateway with its path, and the networks of which one must hold it."""
    if isinstance(plugin, Whereabouts):
        yield ("gateway",), plugin.gateway, [pool.cidr for pool in plugin.pools]
    elif isinstance(plugin, HostLocal):
        for path, subnet in (member for members in plugin.sets for member in members):
            yield (*path, "gateway"), subnet.gateway, [subnet.subnet] if subnet.subnet else []
    elif isinstance(plugin, Static):
        for index, entry in enumerate(plugin.addresses):
            yield ("addresses", index, "gateway"), entry.gateway, [entry.address.network]


@rule("gateway-outside-range", Ipam)
def gateway_outside_range(ipam: Ipam) -> Iterator[Hit]:
    for path, gateway, cidrs in _named(ipam):
        if gateway is None:
            continue
        inside = [cidr for cidr in cidrs if contains(cidr, gateway)]
        if not inside:
            message = f"a pod with an address of {cidrs[0]} cannot reach it"
            yield Hit(path, message, str(gateway), f"Choose one inside {cidrs[0]}")
        elif not any(is_host(gateway, cidr) for cidr in inside):
            message = f"that is not a host's address in {inside[0]}"
            yield Hit(path, message, str(gateway), "Choose another")


@rule("bridge-takes-the-routers-address", Bridge)
def bridge_takes_the_routers_address(network: Bridge) -> Iterator[Hit]:
    if network.has_gateway and isinstance(network.ipam, Dhcp):
        message = "the bridge would take the address of the DHCP server's gateway"
        yield Hit(("isGateway",), message, value=True)


@rule("bridge-address-by-the-pod", Bridge)
def bridge_address_by_the_pod(network: Bridge) -> Iterator[Hit]:
    brought = isinstance(network.ipam, Static) and "ips" in network.capabilities
    if network.has_gateway and brought:
        message = "for a pod that brings its address the bridge takes the first one of that network"
        yield Hit(("isGateway",), message, value=True)


@rule("gateway-of-two-families", TypedNetwork)
def gateway_of_two_families(network: TypedNetwork) -> Iterator[Hit]:
    plugin = network.ipam
    if not isinstance(plugin, Whereabouts) or plugin.gateway is None:
        return
    by_family = network.sbr is not None or (isinstance(network, Bridge) and network.has_gateway)
    if by_family and len(versions_of(pool.cidr for pool in plugin.pools)) > 1:
        message = "the plugin sets it on the addresses of both families"
        yield Hit(("ipam", "gateway"), message, str(plugin.gateway))


def _collide(one: Interface, other: Interface) -> bool:
    """Whether a bridge can have only one of the two."""
    if one == other or one.version != other.version:
        return False
    return one.version == 4 or one.ip in other.network or other.ip in one.network


def _bridges(config: Configuration) -> Iterator[tuple[Declared, Bridge, tuple[str, int]]]:
    """The bridge networks, with the bridge and VLAN that has their address."""
    for one, network in config.typed:
        if isinstance(network, Bridge):
            yield one, network, (network.bridge, network.vlan or DEFAULT_VLAN)


@rule("bridge-address-conflict")
def bridge_address_conflict(config: Configuration) -> Iterator[Hit]:
    held: list[tuple[int, tuple[str, int], Interface]] = []
    for one, network, place in _bridges(config):
        own = network.own_addresses
        if pair := next((pair for pair in combinations(own, 2) if _collide(*pair)), None):
            message = f"the bridge would need {pair[0]} and {pair[1]}, and it can have one of them"
            remedy = "Leave isGateway out, or make a network of each subnet, on bridges or VLANs"
            yield Hit(one.place(("isGateway",)), message, remedy=f"{remedy} of their own")
        clashes = (
            (index, has, wanted)
            for wanted in own
            for index, there, has in held
            if there == place and _collide(has, wanted)
        )
        for index, has, wanted in islice(clashes, 1):
            message = (
                f"the bridge would need {wanted}, and for networks[{index}] it has {has}. It can "
                "have one of them"
            )
            yield Hit(one.place(("isGateway",)), message)
        held += [(one.index, place, wanted) for wanted in own]


@rule("subnet-on-two-bridges")
def subnet_on_two_bridges(config: Configuration) -> Iterator[Hit]:
    held: list[tuple[int, tuple[str, int], Interface]] = []
    for one, network, place in _bridges(config):
        for wanted in network.own_addresses:
            for index, there, has in held:
                if there != place and (has.ip in wanted.network or wanted.ip in has.network):
                    message = (
                        f"the node would have {wanted} beside {has}, which it has for "
                        f"networks[{index}] on another bridge or VLAN, and answer pods of one of "
                        "them only"
                    )
                    yield Hit(one.place(("isGateway",)), message)
                    break
            held.append((one.index, place, wanted))
