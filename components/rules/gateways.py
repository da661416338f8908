"""Rules about gateways: no pod is given a router's address, and a bridge has one of its own."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, islice, product

from ..addresses import Address, Cidr, Interface, contains, versions_of
from ..findings import Path
from ..ipam import Dhcp, HostLocal, Static, Whereabouts
from ..ipam.base import Ipam, Pool, is_host
from ..networks.base import DEFAULT_VLAN, TypedNetwork, Wire
from ..networks.bridge import Bridge
from ..networks.chained import Sbr
from .configuration import Configuration, Declared
from .registry import Hit, at, check, where

KEEP_OUT = {
    "host-local": "Keep that address out by rangeStart or rangeEnd",
    "static": "Take another address",
    "whereabouts": "Put that address into exclude",
}


def _routers(one: Declared) -> tuple[Address, ...]:
    """Addresses that a router has, or that the network's bridge takes."""
    return (*(one.ipam.gateways if one.ipam else ()), *_of_bridge(one))


def _of_bridge(one: Declared) -> list[Address]:
    bridge = one.typed.own_addresses if isinstance(one.typed, Bridge) else ()
    return [each.ip for each in bridge]


def _handed_out(config: Configuration) -> Iterator[tuple[Declared, Pool, Address, Declared]]:
    """Routers' addresses that a network on their wire hands out, and whose routers they are."""
    found: defaultdict[Wire, dict[Address, list[Declared]]] = defaultdict(dict)
    for one in config.networks:
        for wire in one.wires:
            for router in _routers(one):
                found[wire].setdefault(router, []).append(one)
    by_wire = {wire: sorted(here, key=int) for wire, here in found.items()}
    for one in config.networks:
        own = dict.fromkeys(_routers(one), one)
        for pool in one.pools:
            routers = own.copy()
            for wire in one.wires:
                for router in _between(by_wire.get(wire, []), pool):
                    for owner in found[wire][router]:
                        if not owner.network.apart_from(one.network):
                            routers.setdefault(router, owner)
            for router in sorted(filter(pool.hands_out, routers), key=int):
                yield one, pool, router, routers[router]


@check()
def handed_out(config: Configuration) -> Iterator[Hit]:
    """A static address may be that of a pod which is the router itself."""
    bridges = {address for one in config.networks for address in _of_bridge(one)}
    for one, pool, router, owner in _handed_out(config):
        place = ("ipam", *pool.path)
        if isinstance(one.ipam, Static) and router not in bridges:
            if owner is not one:
                yield at("static-is-a-gateway", *place, of=one, other=owner)
            continue
        whose = "its own gateway" if owner is one else f"a gateway of {owner}"
        if router in _of_bridge(one):
            whose = "which the bridge takes itself"
        fix = KEEP_OUT.get(one.ipam.type if one.ipam else "")
        yield at("gateway-handed-out", *place, of=one, remedy=fix, router=router, whose=whose)


def _between(routers: list[Address], pool: Pool) -> list[Address]:
    """Those from the pool's first address to its last; `routers` is in order."""
    start = bisect_left(routers, int(pool.first), key=int)
    return routers[start : bisect_right(routers, int(pool.last), key=int)]


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


@check()
def outside(one: Declared, _: Configuration) -> Iterator[Hit]:
    """Where sbr makes a route by it, what is a surprise else is a failure."""
    ipam, sbr = one.ipam, one.chained("sbr")
    routed = isinstance(sbr, Sbr) and sbr.table is None
    if ipam is None:
        return
    for path, gateway, cidrs in _named(ipam):
        if gateway is None or (gateway.version == 6 and gateway.is_link_local):
            continue
        if isinstance(ipam, Static) and gateway in [each.address.ip for each in ipam.addresses]:
            yield at("gateway-is-the-pods", "ipam", *path)
        around = [pool.cidr for pool in ipam.pools if contains(pool.cidr, gateway)]
        inside = [cidr for cidr in cidrs if contains(cidr, gateway)]
        fix = f"Choose one inside {cidrs[0]}"
        if routed and (not around or gateway == around[0].broadcast_address):
            yield at("sbr-gateway", "ipam", *path, remedy=fix)
        elif not inside:
            message = f"a pod with an address of {cidrs[0]} cannot reach it"
            yield at("gateway-outside-range", "ipam", *path, message=message, remedy=fix)
        elif not any(is_host(gateway, cidr) for cidr in inside):
            message, fix = f"that is not a host's address in {inside[0]}", "Choose another"
            yield at("gateway-outside-range", "ipam", *path, message=message, remedy=fix)


@check(TypedNetwork)
def of_a_network(network: TypedNetwork) -> Iterator[Hit]:
    plugin, key = network.ipam, network.gateway_key if isinstance(network, Bridge) else ""
    brought = isinstance(plugin, Static) and "ips" in network.capabilities
    yield from where(
        ("bridge-takes-the-routers-address", key, key and isinstance(plugin, Dhcp)),
        ("bridge-address-by-the-pod", key, key and brought),
    )
    if isinstance(plugin, Whereabouts) and plugin.gateway is not None:
        both = len(versions_of(pool.cidr for pool in plugin.pools)) > 1
        read = key or network.sbr
        yield from where(("gateway-of-two-families", "ipam.gateway", both and read))


def _collide(one: Interface, other: Interface) -> bool:
    """Whether a bridge can have only one of the two."""
    if one == other or one.version != other.version:
        return False
    return one.version == 4 or one.ip in other.network or other.ip in one.network


@check()
def bridges(config: Configuration) -> Iterator[Hit]:
    for one, key, own, earlier in _bridges(config):
        pairs = (pair for pair in combinations(own, 2) if _collide(*pair))
        for first, second in islice(pairs, 1):
            yield at("bridge-address-conflict", key, of=one, first=first, second=second)
        told = set()
        for wanted, (other, has, here) in product(own, earlier):
            rule = "bridge-address-taken" if here else "subnet-on-two-bridges"
            meet = has.ip in wanted.network or wanted.ip in has.network
            mark = rule if here else (rule, wanted)
            if mark not in told and (_collide(has, wanted) if here else meet):
                told.add(mark)
                yield at(rule, key, of=one, wanted=wanted, has=has, other=other)


def _bridges(
    config: Configuration,
) -> Iterator[tuple[Declared, str, Sequence[Interface], list[tuple[Declared, Interface, bool]]]]:
    """The networks whose bridge has addresses, with the key that says so, and the addresses.

    And those of earlier ones: whose each is, and whether it is of the same bridge and VLAN.
    """
    held: list[tuple[Declared, tuple[str, int], Interface]] = []
    for one, network in config.typed:
        if isinstance(network, Bridge):
            place = (network.bridge, network.vlan or DEFAULT_VLAN)
            own = network.own_addresses
            earlier = [(other, has, there == place) for other, there, has in held]
            yield one, network.gateway_key, own, earlier
            held += [(one, place, wanted) for wanted in own]
