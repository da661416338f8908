"""Rules about the routes that pods get. A route is judged with the whole network."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from ..addresses import Address, Cidr, contains, overlap, versions_of
from ..findings import repeated
from ..ipam import Dhcp, Static
from ..ipam.base import SCOPE_LINK, Route, Routed, routes_of
from ..networks.bridge import Bridge
from ..networks.ipvlan import Ipvlan
from .configuration import Configuration, Declared
from .registry import Hit, at, check

NOWHERE: Final = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "fe80::/10", "ff00::/8")))
"""What the kernel has a way of its own to, which comes before any route."""


@check()
def in_the_main_table(one: Declared, config: Configuration) -> Iterator[Hit]:
    """Routes that every packet of the pod meets.

    Where the cluster has one family, eth0 has no default route of the other to lose.
    """
    if one.own_table or "route-override" in one.network.plugins:  # which does as it is told
        return
    families = versions_of(own for own, _ in config.own_networks) or {4, 6}
    for index, route in enumerate(routes_of(one.ipam)):
        where = ("ipam", "routes", index, "dst")
        if not route.in_main_table:
            continue
        if route.dst.prefixlen == 0:
            if route.priority == 0 and route.dst.version in families:
                yield at("default-route-without-sbr", *where)
            continue
        # Services first: to its own pods' network a pod of flannel has a longer route.
        met = [each for each in reversed(config.own_networks) if overlap(route.dst, each[0])]
        for own, correction in met[:1]:
            fix = f"Leave that out, or use sbr; {correction}"
            yield at("route-of-the-cluster", *where, own=own, remedy=fix)
    if isinstance(one.typed, Bridge) and one.typed.is_default_gateway:
        of_bridge = {address.version for address in one.typed.own_addresses}
        if not of_bridge or of_bridge & families:
            yield at("default-route-without-sbr", "isDefaultGateway")
    if isinstance(one.ipam, Dhcp) and one.ipam.priority == 0:
        yield at("dhcp-default-route", "ipam")


@check(Route)
def a_route(route: Route) -> Iterator[Hit]:
    for own in NOWHERE:
        if route.dst.version == own.version and route.dst.subnet_of(own):  # type: ignore[arg-type]
            yield at("route-without-effect", "dst", own=own)
    if route.gw and route.gw.version != route.dst.version:
        yield at("route-family", "gw")
    for key in ("mtu", "advmss"):
        if getattr(route, key) is not None:
            yield at("route-option-unread", key)


@check(Routed)
def routes(ipam: Routed) -> Iterator[Hit]:
    made = [(r.dst, ipam.next_hop(r), r.priority, r.table, r.scope) for r in ipam.routes]
    for index, first in repeated(made):
        yield at("route-twice", "routes", index, "dst", first=first)
    families = versions_of(pool.cidr for pool in ipam.pools)
    own = [pool.first for pool in ipam.pools] if isinstance(ipam, Static) else []
    for index, route in enumerate(ipam.routes):
        if families and route.dst.version not in families:
            yield at("route-without-address", "routes", index, "dst", version=route.dst.version)
        if route.gw in own and route.dst.version == 4:
            yield at("route-through-itself", "routes", index, "gw")


@check(Routed)
def next_hops(ipam: Routed) -> Iterator[Hit]:
    """Routes are made in their order, and a next hop must be on the interface's own link."""
    by_route: list[Cidr] = []
    for index, route in enumerate(ipam.routes):
        hop = ipam.next_hop(route)
        if hop is None and (route.dst.version == 6 or route.scope == SCOPE_LINK):
            by_route.append(route.dst)
        if hop is None or hop.version != route.dst.version or hop.is_link_local:
            continue
        why, fix = "", None
        if hop.version == 6 and any(hop == pool.first == pool.last for pool in ipam.pools):
            why = f"{hop} is the pod's own address, which the kernel refuses"
        elif route.scope == SCOPE_LINK:
            why = f"a route of scope 253 has no next hop, and it would have {hop}"
            fix = "Leave the scope out"
        elif ipam.onlink and not any(contains(cidr, hop) for cidr in by_route):
            why, fix = _unusable(hop, ipam.onlink)
        if why:
            key = "gw" if route.gw else "dst"
            yield at("route-next-hop", "routes", index, key, message=why, remedy=fix)


def _unusable(hop: Address, onlink: list[list[Cidr]]) -> tuple[str, str | None]:
    """Why a pod cannot use a next hop, empty where it can, and what to do if that is special."""
    around = [cidr for each in onlink if all(contains(one, hop) for one in each) for cidr in each]
    known = ", ".join(str(cidr) for each in onlink for cidr in each)
    for cidr in around:
        if cidr.version == 4 and cidr.prefixlen < 31 and hop == cidr.broadcast_address:
            return f"{hop} is the broadcast address of {cidr}", None
    if around:
        return "", None
    if any(contains(cidr, hop) for each in onlink for cidr in each):
        why = f"only pods with an address of its own subnet can reach {hop}, of {known}"
        return why, "Make a network of each subnet"
    return f"the pod cannot reach {hop}: it is inside none of {known}", None


@check()
def without_gateway(one: Declared, _: Configuration) -> Iterator[Hit]:
    """On layer 3 the master decides, and a gateway is not looked for."""
    ipam = one.ipam
    layer_3 = isinstance(one.typed, Ipvlan) and one.typed.mode != "l2"
    for index, route in enumerate(() if layer_3 else routes_of(ipam)):
        local = route.dst.is_multicast or route.scope == SCOPE_LINK
        if not local and isinstance(ipam, Routed) and ipam.next_hop(route) is None:
            yield at("route-without-gateway", "ipam", "routes", index, "dst")
