"""Rules about plugins that are chained behind a network's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..addresses import versions_of
from ..ipam import Static, Whereabouts
from ..ipam.base import routes_of
from ..networks.base import TypedNetwork
from .registry import Hit, at, check, where

SMALLEST_IPV6_MTU: Final = 1280  # RFC 8200, section 5
USUAL_MTU: Final = 1500  # the kernel's, of a cable between pod and node
HEADER: Final = 14  # bytes of Ethernet before a packet, which count
MOST_TIME: Final = (2**32 - 1) * 8 // 125  # microseconds
LONGEST_PACKET: Final = 2**32 - 1  # nanoseconds of the rate
# `default` is for interfaces that come later.
SWITCH: Final = re.compile(r"net\.ipv6\.conf\.(all|IFNAME|net[0-9]+)\.disable_ipv6")


@check(TypedNetwork)
def bandwidth(network: TypedNetwork) -> Iterator[Hit]:
    """Limits without a cable, or that the kernel is told wrongly, or that no full packet passes."""
    limits = [*network.bandwidth.limits] if network.bandwidth is not None else []
    if limits and not network.veth:
        yield at("bandwidth-without-cable", "bandwidth")
        return
    mtu = getattr(network, "mtu", None) or USUAL_MTU
    size = mtu + HEADER
    packet = f"with the MTU {mtu} a packet has {size} bytes, and the kernel drops one that is"
    for way, rate, burst in limits:
        most, kept = MOST_TIME // 10**6 * rate, at_once(rate, burst)
        key, remedy = f"{way}Burst", f"Give at least {_least(rate, size)}"
        if (least := 8 * _up(size * 10**9, LONGEST_PACKET)) > rate:
            message = f"{packet} longer than 4.29 seconds of the rate"
            key, remedy = f"{way}Rate", f"Give at least {least}"
        elif _microseconds(rate, burst) > MOST_TIME:
            message = f"the plugin counts it as time, up to {most // rate} seconds of {way}Rate, "
            message, remedy = f"{message}and then from zero", f"Give at most {most}"
        elif kept < size:
            message = f"{packet} longer than the burst, which comes to {kept} bytes"
        else:
            continue
        yield at("bandwidth-out-of-bounds", "bandwidth", key, message=message, remedy=remedy)


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


@check(TypedNetwork)
def sbr(network: TypedNetwork) -> Iterator[Hit]:
    plugin, brought = network.ipam, "ips" in network.capabilities
    if network.sbr is None:
        return
    if plugin is None:
        yield at("sbr-without-addresses", "sbr")
    if any(route.dst.prefixlen == 0 for route in routes_of(plugin)):
        return
    if network.sbr.table is not None:
        yield at("sbr-without-gateway", "sbr", "table")
    elif isinstance(plugin, Whereabouts) and plugin.gateway is None:
        fix = "Set ipam.gateway"
        if len(versions_of(pool.cidr for pool in plugin.pools)) > 1:
            fix = "Make a network of each family, and set ipam.gateway in both"
        message = "routes by the gateway, and there is none"
        yield at("sbr-without-gateway", "sbr", message=message, remedy=fix)
    elif isinstance(plugin, Static) and (brought or None in [a.gateway for a in plugin.addresses]):
        which = "one that a pod brings" if brought else "one"
        message = f"routes by the gateway of each address, and {which} has none"
        fix = "Give the ipam a route to 0.0.0.0/0 by the gateway"
        yield at("sbr-without-gateway", "sbr", message=message, remedy=fix)


@check(TypedNetwork)
def tuning(network: TypedNetwork) -> Iterator[Hit]:
    own, pools = getattr(network, "mtu", None), network.ipam.pools if network.ipam else ()
    six = 6 in versions_of(pool.cidr for pool in pools)
    behind = network.tuning.mtu if network.tuning else None
    for key, mtu in (("mtu", own), ("tuning.mtu", behind)):
        small = six and mtu is not None and mtu < SMALLEST_IPV6_MTU
        yield from where(("mtu-too-small-for-ipv6", key, small))
    own = own or (USUAL_MTU if network.veth else None)
    if own is not None and behind not in (None, own):
        yield at("tuning-mtu-twice", "tuning", "mtu", own=own)
    for key, value in network.tuning.sysctl.items() if network.tuning and six else ():
        if SWITCH.fullmatch(key.replace("/", ".")) and value.strip() != "0":
            yield at("ipv6-switched-off", "tuning", "sysctl", key)
