"""Rules about the routes that pods get. A route is judged with the whole network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Final

from ..addresses import Address, Cidr, contains, overlap, versions_of
from ..findings import repeated
from ..ipam import Dhcp, Static
from ..ipam.base import SCOPE_LINK, Route, Routed, routes_of
from ..networks.bridge import Bridge
from ..networks.chained import Sbr
from ..networks.ipvlan import Ipvlan
from .configuration import Configuration, Declared
from .registry import Hit, rule

NOWHERE: Final = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "fe80::/10", "ff00::/8")))
"""What the kernel has a way of its own to, which comes before any route."""


def _moved(one: Declared) -> bool:
    """Whether a plugin behind takes the network's routes out of the main table, or may.

    sbr does without `table` (`doRoutes` in plugins/meta/sbr/main.go), vrf always (`addInterface`
    in plugins/meta/vrf/vrf.go), and route-override as it is told.
    """
    sbr = one.chained("sbr")
    moves = isinstance(sbr, Sbr) and sbr.table is None
    return moves or not {"vrf", "route-override"}.isdisjoint(one.network.plugins)


def _in_main_table(one: Declared) -> Iterator[tuple[int, Route]]:
    """Routes that every packet of the pod meets."""
    for index, route in enumerate(routes_of(one.ipam)):
        if route.in_main_table and not _moved(one):
            yield index, route


@rule("default-route-without-sbr")
def default_route_without_sbr(one: Declared, config: Configuration) -> Iterator[Hit]:
    """Where the cluster has one family, eth0 has no default route of the other to lose."""
    message = "as the pod's first default route it takes services and DNS from eth0"
    families = versions_of(own for own, _ in config.own_networks) or {4, 6}
    for index, route in _in_main_table(one):
        if route.dst.prefixlen == 0 and route.priority == 0 and route.dst.version in families:
            yield Hit(("ipam", "routes", index, "dst"), message, str(route.dst))
    if isinstance(one.typed, Bridge) and one.typed.is_default_gateway and not _moved(one):
        own = {address.version for address in one.typed.own_addresses}
        if not own or own & families:
            yield Hit(("isDefaultGateway",), message, value=True)


@rule("dhcp-default-route")
def dhcp_default_route(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, Dhcp) and one.ipam.priority == 0 and not _moved(one):
        message = "has the priority 0, so a default route that the server gives comes before eth0's"
        yield Hit(("ipam",), message)


@rule("route-of-the-cluster")
def route_of_the_cluster(one: Declared, config: Configuration) -> Iterator[Hit]:
    for index, route in _in_main_table(one):
        # Services first: to its own pods' network a pod of flannel has a longer route.
        for own, correction in reversed(config.own_networks) if route.dst.prefixlen else ():
            if overlap(route.dst, own):
                message = f"it overlaps {own}, the cluster's own, which pods would no longer reach"
                where = ("ipam", "routes", index, "dst")
                yield Hit(
                    where, message, str(route.dst), f"Leave that out, or use sbr; {correction}"
                )
                break


@rule("route-without-effect", Route)
def route_without_effect(route: Route) -> Iterator[Hit]:
    for own in NOWHERE:
        if route.dst.version == own.version and route.dst.subnet_of(own):  # type: ignore[arg-type]
            message = f"the kernel has a way of its own to {own}, which comes first"
            yield Hit(("dst",), message, str(route.dst))


@rule("route-twice", Routed)
def route_twice(ipam: Routed) -> Iterator[Hit]:
    made = [(r.dst, ipam.next_hop(r), r.priority, r.table, r.scope) for r in ipam.routes]
    for index, first in repeated(made):
        dst = str(ipam.routes[index].dst)
        yield Hit(("routes", index, "dst"), f"routes[{first}] is the same", dst)


@rule("route-family", Route)
def route_family(route: Route) -> Iterator[Hit]:
    if route.gw is not None and route.gw.version != route.dst.version:
        yield Hit(("gw",), f"dst {route.dst} is of the other family", str(route.gw))


@rule("route-without-address", Routed)
def route_without_address(ipam: Routed) -> Iterator[Hit]:
    families = versions_of(pool.cidr for pool in ipam.pools)
    for index, route in enumerate(ipam.routes):
        if families and route.dst.version not in families:
            message = f"the network gives no IPv{route.dst.version} address to send from"
            yield Hit(("routes", index, "dst"), message, str(route.dst))


@rule("route-next-hop", Routed)
def route_next_hop(ipam: Routed) -> Iterator[Hit]:
    """Routes are made in their order, and a next hop must be on the interface's own link."""
    by_route: list[Cidr] = []
    for index, route in enumerate(ipam.routes):
        hop = ipam.next_hop(route)
        hit = Hit(("routes", index, "gw" if route.gw else "dst"), "", str(route.gw or route.dst))
        if hop is None and (route.dst.version == 6 or route.scope == SCOPE_LINK):
            by_route.append(route.dst)
        if hop is None or hop.version != route.dst.version or hop.is_link_local:
            continue
        if hop.version == 6 and any(hop == pool.first == pool.last for pool in ipam.pools):
            message = f"{hop} is the pod's own address, which the kernel refuses"
            yield replace(hit, message=message)
        elif route.scope == SCOPE_LINK:
            message = f"a route of scope 253 has no next hop, and it would have {hop}"
            yield replace(hit, message=message, remedy="Leave the scope out")
        elif ipam.onlink and not any(contains(cidr, hop) for cidr in by_route):
            yield from _unusable(hop, ipam.onlink, hit)


def _unusable(hop: Address, onlink: list[list[Cidr]], hit: Hit) -> Iterator[Hit]:
    around = [each for each in onlink if all(contains(cidr, hop) for cidr in each)]
    known = ", ".join(str(cidr) for each in onlink for cidr in each)
    if around:
        for cidr in (cidr for each in around for cidr in each):
            if cidr.version == 4 and cidr.prefixlen < 31 and hop == cidr.broadcast_address:
                yield replace(hit, message=f"{hop} is the broadcast address of {cidr}")
    elif any(contains(cidr, hop) for each in onlink for cidr in each):
        message = f"only pods with an address of its own subnet can reach {hop}, of {known}"
        yield replace(hit, message=message, remedy="Make a network of each subnet")
    else:
        yield replace(hit, message=f"the pod cannot reach {hop}: it is inside none of {known}")


@rule("route-through-itself", Static)
def route_through_itself(ipam: Static) -> Iterator[Hit]:
    own = [entry.address.ip for entry in ipam.addresses]
    for index, route in enumerate(ipam.routes):
        if route.gw in own and route.dst.version == 4:
            yield Hit(("routes", index, "gw"), "that is the pod's own address", str(route.gw))


@rule("route-option-unread", Route)
def route_option_unread(route: Route) -> Iterator[Hit]:
    for key in ("mtu", "advmss"):
        if (value := getattr(route, key)) is not None:
            yield Hit((key,), "the chart's plugins do not hand it to the kernel", value)


@rule("route-without-gateway")
def route_without_gateway(one: Declared, _: Configuration) -> Iterator[Hit]:
    """On layer 3 the master decides, and a gateway is not looked for."""
    ipam = one.ipam
    layer_3 = isinstance(one.typed, Ipvlan) and one.typed.mode != "l2"
    for index, route in enumerate(() if layer_3 else routes_of(ipam)):
        local = route.dst.is_multicast or route.scope == SCOPE_LINK
        if not local and isinstance(ipam, Routed) and ipam.next_hop(route) is None:
            message = "no gateway is named, so pods look for each of its addresses on their wire"
            yield Hit(("ipam", "routes", index, "dst"), message, str(route.dst))
