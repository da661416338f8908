"""Rules about the routes that pods get. A route is judged with the whole network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Final

from ..fields import Address, Cidr, contains, overlap, versions_of
from ..findings import repeated
from ..ipam import Dhcp, HostLocal, Static, Whereabouts
from ..ipam.base import SCOPE_LINK, Route, routes_of
from ..networks.bridge import Bridge
from .configuration import Configuration, Declared
from .registry import Hit, rule


def _in_main_table(one: Declared) -> Iterator[tuple[int, Route]]:
    """Routes that every packet of the pod meets: not those that sbr moves to its own table."""
    if one.typed is not None and one.typed.sbr is not None and one.typed.sbr.table is None:
        return
    for index, route in enumerate(routes_of(one.ipam)):
        if route.in_main_table:
            yield index, route


@rule("default-route-without-sbr")
def default_route_without_sbr(one: Declared, _: Configuration) -> Iterator[Hit]:
    for index, route in _in_main_table(one):
        if route.dst.prefixlen == 0 and route.priority == 0:
            message = "as the pod's first default route it takes services and DNS from eth0"
            yield Hit(("ipam", "routes", index, "dst"), message, str(route.dst))
    network = one.typed
    if isinstance(network, Bridge) and network.is_default_gateway and network.sbr is None:
        message = "it makes the pod's first default route, and takes services and DNS from eth0"
        yield Hit(("isDefaultGateway",), message, value=True)


@rule("dhcp-default-route")
def dhcp_default_route(one: Declared, _: Configuration) -> Iterator[Hit]:
    sbr = one.typed is not None and one.typed.sbr is not None
    if isinstance(one.ipam, Dhcp) and one.ipam.priority == 0 and not sbr:
        message = "has the priority 0, so a default route that the server gives comes before eth0's"
        yield Hit(("ipam",), message)


@rule("route-of-the-cluster")
def route_of_the_cluster(one: Declared, config: Configuration) -> Iterator[Hit]:
    for index, route in _in_main_table(one):
        for own, correction in config.own_networks if route.dst.prefixlen else ():
            if overlap(route.dst, own):
                message = f"it overlaps {own}, the cluster's own, which pods would no longer reach"
                where = ("ipam", "routes", index, "dst")
                yield Hit(where, message, str(route.dst), f"Choose another; {correction}")
                break


NOWHERE: Final[tuple[Cidr, ...]] = tuple(
    map(ip_network, ("127.0.0.0/8", "::1/128", "fe80::/10", "ff00::/8"))
)


@rule("route-without-effect")
def route_without_effect(one: Declared, _: Configuration) -> Iterator[Hit]:
    for index, route in enumerate(routes_of(one.ipam)):
        for own in NOWHERE:
            if route.dst.version == own.version and route.dst.subnet_of(own):  # type: ignore[arg-type]
                message = f"the kernel has a way of its own to {own}, which comes first"
                yield Hit(("ipam", "routes", index, "dst"), message, str(route.dst))


@rule("route-twice")
def route_twice(one: Declared, _: Configuration) -> Iterator[Hit]:
    routes = routes_of(one.ipam)
    made = [
        (r.dst, r.gw or _gateway(one, r.dst.version), r.priority, r.table, r.scope) for r in routes
    ]
    for index, first in repeated(made):
        where = ("ipam", "routes", index, "dst")
        yield Hit(where, f"routes[{first}] is the same", str(routes[index].dst))


@rule("route-family")
def route_family(one: Declared, _: Configuration) -> Iterator[Hit]:
    for index, route in enumerate(routes_of(one.ipam)):
        if route.gw is not None and route.gw.version != route.dst.version:
            where = ("ipam", "routes", index, "gw")
            yield Hit(where, f"dst {route.dst} is of the other family", str(route.gw))


@rule("route-without-address")
def route_without_address(one: Declared, _: Configuration) -> Iterator[Hit]:
    families = versions_of(pool.cidr for pool in one.pools)
    for index, route in enumerate(routes_of(one.ipam)):
        if families and route.dst.version not in families:
            message = f"the network gives no IPv{route.dst.version} address to send from"
            yield Hit(("ipam", "routes", index, "dst"), message, str(route.dst))


def _onlink(one: Declared) -> list[list[Cidr]]:
    """Networks of the pod's addresses: it has one address of each inner list."""
    plugin = one.ipam
    if isinstance(plugin, HostLocal):
        return [
            [subnet.subnet for _, subnet in members if subnet.subnet] for members in plugin.sets
        ]
    return [[pool.cidr] for pool in one.pools]


def _gateway(one: Declared, version: int) -> Address | None:
    """The next hop of routes that name none (`ConfigureIface` in pkg/ipam/ipam_linux.go)."""
    plugin = one.ipam
    named: Sequence[Address | None] = ()
    if isinstance(plugin, Whereabouts):
        named = (plugin.gateway,)
    elif isinstance(plugin, Static):
        named = [entry.gateway for entry in plugin.addresses]
    elif isinstance(plugin, HostLocal):
        named = [entry.ip for entry in plugin.bridge_addresses]
    return next((each for each in named if each and each.version == version), None)


@rule("route-next-hop")
def route_next_hop(one: Declared, _: Configuration) -> Iterator[Hit]:
    """Routes are made in their order, and a next hop must be on the interface's own link."""
    onlink = _onlink(one)
    by_route: list[Cidr] = []
    for index, route in enumerate(routes_of(one.ipam)):
        hop = route.gw or _gateway(one, route.dst.version)
        where = ("ipam", "routes", index, "gw" if route.gw else "dst")
        value = str(route.gw or route.dst)
        if hop is None and (route.dst.version == 6 or route.scope == SCOPE_LINK):
            by_route.append(route.dst)
        if hop is None or hop.version != route.dst.version or hop.is_link_local:
            continue
        if route.scope == SCOPE_LINK:
            message = f"a route of scope 253 has no next hop, and it would have {hop}"
            yield Hit(where, message, value, "Leave the scope out")
        elif onlink and not any(contains(cidr, hop) for cidr in by_route):
            yield from _unusable(hop, onlink, Hit(where, "", value))


def _unusable(hop: Address, onlink: list[list[Cidr]], hit: Hit) -> Iterator[Hit]:
    around = [each for each in onlink if all(contains(cidr, hop) for cidr in each)]
    known = ", ".join(str(cidr) for each in onlink for cidr in each)
    if around:
        if any(hop == cidr.broadcast_address for each in around for cidr in each if _has_one(cidr)):
            yield replace(hit, message=f"{hop} is the broadcast address of {around[0][0]}")
    elif any(contains(cidr, hop) for each in onlink for cidr in each):
        message = f"only pods with an address of its own subnet can reach {hop}, of {known}"
        yield replace(hit, message=message, remedy="Make a network of each subnet")
    else:
        yield replace(hit, message=f"the pod cannot reach {hop}: it is inside none of {known}")


def _has_one(cidr: Cidr) -> bool:
    """Whether the network has a broadcast address."""
    return cidr.version == 4 and cidr.prefixlen < 31


@rule("route-through-itself")
def route_through_itself(one: Declared, _: Configuration) -> Iterator[Hit]:
    own = [entry.address.ip for entry in getattr(one.ipam, "addresses", ())]
    for index, route in enumerate(routes_of(one.ipam)):
        if route.gw in own:
            where = ("ipam", "routes", index, "gw")
            yield Hit(where, "that is the pod's own address", str(route.gw))


@rule("route-option-unread")
def route_option_unread(one: Declared, _: Configuration) -> Iterator[Hit]:
    for index, route in enumerate(routes_of(one.ipam)):
        for key in ("mtu", "advmss"):
            if (value := getattr(route, key)) is not None:
                where = ("ipam", "routes", index, key)
                yield Hit(where, "the chart's plugins do not hand it to the kernel", value)


@rule("route-without-gateway")
def route_without_gateway(one: Declared, _: Configuration) -> Iterator[Hit]:
    if not isinstance(one.ipam, Whereabouts | Static):
        return
    for index, route in enumerate(routes_of(one.ipam)):
        local = route.dst.is_multicast or route.scope == SCOPE_LINK
        if route.gw is None and not local and _gateway(one, route.dst.version) is None:
            message = "no gateway is named, so pods look for each of its addresses on their wire"
            yield Hit(("ipam", "routes", index, "dst"), message, str(route.dst))
