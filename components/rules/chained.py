"""Rules about plugins that are chained behind a network's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..addresses import versions_of
from ..ipam import Static, Whereabouts
from ..ipam.base import routes_of
from ..networks.base import TypedNetwork
from .registry import Hit, rule

SMALLEST_IPV6_MTU: Final = 1280  # RFC 8200, section 5
USUAL_MTU: Final = 1500  # the kernel's, of a cable between pod and node
HEADER: Final = 14  # bytes of Ethernet before a packet, which count
MOST_TIME: Final = (2**32 - 1) * 8 // 125  # microseconds
LONGEST_PACKET: Final = 2**32 - 1  # nanoseconds of the rate
# `default` is for interfaces that come later.
SWITCH: Final = re.compile(r"net\.ipv6\.conf\.(all|IFNAME|net[0-9]+)\.disable_ipv6")


@rule("bandwidth-without-cable", TypedNetwork)
def bandwidth_without_cable(network: TypedNetwork) -> Iterator[Hit]:
    if network.bandwidth is not None and [*network.bandwidth.limits] and not network.veth:
        message = f"shapes the cable between pod and node, and {network.type} has none"
        yield Hit(("bandwidth",), f"{message}: no pod would start")


@rule("bandwidth-out-of-bounds", TypedNetwork)
def bandwidth_out_of_bounds(network: TypedNetwork) -> Iterator[Hit]:
    """A burst that the kernel would be told wrongly, or limits that no full packet passes."""
    if network.bandwidth is None or not network.veth:
        return
    mtu = getattr(network, "mtu", None) or USUAL_MTU
    size = mtu + HEADER
    packet = f"with the MTU {mtu} a packet has {size} bytes, and the kernel drops one that is"
    for way, rate, burst in network.bandwidth.limits:
        where = ("bandwidth", f"{way}Burst")
        if (least := 8 * _up(size * 10**9, LONGEST_PACKET)) > rate:
            message = f"{packet} longer than 4.29 seconds of the rate"
            yield Hit(("bandwidth", f"{way}Rate"), message, rate, f"Give at least {least}")
        elif _microseconds(rate, burst) > MOST_TIME:
            seconds = MOST_TIME // 10**6
            message = f"the plugin counts it as time, up to {seconds} seconds of {way}Rate, and "
            remedy = f"Give at most {seconds * rate}"
            yield Hit(where, f"{message}then from zero", burst, remedy)
        elif (kept := at_once(rate, burst)) < size:
            message = f"{packet} longer than the burst, which comes to {kept} bytes"
            yield Hit(where, message, burst, f"Give at least {_least(rate, size)}")


def _microseconds(rate: int, burst: int) -> int:
    """`buffer` in plugins/meta/bandwidth/ifb_creator.go."""
    return burst // 8 * 10**6 // (rate // 8)


def at_once(rate: int, burst: int) -> int:
    """Bytes that the kernel lets pass at once, after all that is rounded on the way to it."""
    return _microseconds(rate, burst) * 125 // 8 * 64 * (rate // 8) // 10**9


def _least(rate: int, size: int) -> int:
    """The smallest burst that lets that many bytes pass."""
    units = _up(size * 10**9, 64 * (rate // 8))
    return _up(_up(units * 8, 125) * (rate // 8), 10**6) * 8


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


@rule("sbr-without-addresses", TypedNetwork)
def sbr_without_addresses(network: TypedNetwork) -> Iterator[Hit]:
    if network.sbr is not None and network.ipam is None:
        yield Hit(("sbr",), "needs addresses")


@rule("sbr-without-gateway", TypedNetwork)
def sbr_without_gateway(network: TypedNetwork) -> Iterator[Hit]:
    plugin, brought = network.ipam, "ips" in network.capabilities
    if network.sbr is None or any(route.dst.prefixlen == 0 for route in routes_of(plugin)):
        return
    if network.sbr.table is not None:
        yield Hit(("sbr", "table"), "the plugin then makes rules and no routes", network.sbr.table)
    elif isinstance(plugin, Whereabouts) and plugin.gateway is None:
        remedy = "Set ipam.gateway"
        if len(versions_of(pool.cidr for pool in plugin.pools)) > 1:
            remedy = "Make a network of each family, and set ipam.gateway in both"
        yield Hit(("sbr",), "routes by the gateway, and there is none", remedy=remedy)
    elif isinstance(plugin, Static) and (brought or None in [a.gateway for a in plugin.addresses]):
        which = "one that a pod brings" if brought else "one"
        message = f"routes by the gateway of each address, and {which} has none"
        yield Hit(("sbr",), message, remedy="Give the ipam a route to 0.0.0.0/0 by the gateway")


def _ipv6(network: TypedNetwork) -> bool:
    return network.ipam is not None and 6 in versions_of(pool.cidr for pool in network.ipam.pools)


@rule("ipv6-switched-off", TypedNetwork)
def ipv6_switched_off(network: TypedNetwork) -> Iterator[Hit]:
    for key, value in network.tuning.sysctl.items() if network.tuning and _ipv6(network) else ():
        if SWITCH.fullmatch(key.replace("/", ".")) and value.strip() != "0":
            message = "the network gives IPv6 addresses, and the pod would lose them"
            yield Hit(("tuning", "sysctl", key), message, value)


def _mtus(network: TypedNetwork) -> tuple[int | None, int | None]:
    """The network's own MTU, and tuning's."""
    return getattr(network, "mtu", None), network.tuning.mtu if network.tuning else None


@rule("mtu-too-small-for-ipv6", TypedNetwork)
def mtu_too_small_for_ipv6(network: TypedNetwork) -> Iterator[Hit]:
    for path, mtu in zip((("mtu",), ("tuning", "mtu")), _mtus(network), strict=True):
        if mtu is not None and mtu < SMALLEST_IPV6_MTU and _ipv6(network):
            yield Hit(path, f"IPv6 needs at least {SMALLEST_IPV6_MTU} (RFC 8200)", mtu)


@rule("tuning-mtu-twice", TypedNetwork)
def tuning_mtu_twice(network: TypedNetwork) -> Iterator[Hit]:
    own, behind = _mtus(network)
    own = own or (USUAL_MTU if network.veth else None)
    if own is not None and behind not in (None, own):
        yield Hit(("tuning", "mtu"), f"the network's own mtu is {own}", behind)
