"""Gateways across networks: no pod is given a router's address, and a bridge has one of its own.

A network keeps its own gateways back; the ones of another network on its wire it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.addresses import Address, Interface
from components.faults import Fault
from components.networks.bridging import collide
from components.networks.kinds import AnyTyped, Bridge
from components.networks.wires import DEFAULT_VLAN, Placed, Wire, wires

KEEP_OUT: Final = {
    "host-local": "Keep it out by rangeStart or rangeEnd",
    "static": "Take another address",
    "whereabouts": "Put it into exclude",
}


def faults(networks: Placed) -> Iterator[Fault]:
    yield from _handed_out(networks)
    yield from _bridge_addresses(networks)


def _routers(network: AnyTyped) -> tuple[Address, ...]:
    """Addresses that a router has, or that the bridge takes."""
    if network.ipam is None:
        return ()
    return (*network.ipam.gateways, *(one.ip for one in taken_by_the_bridge(network)))


def taken_by_the_bridge(network: AnyTyped) -> tuple[Interface, ...]:
    if isinstance(network, Bridge) and network.is_gateway and network.ipam is not None:
        return network.ipam.bridge_addresses
    return ()


def _handed_out(networks: Placed) -> Iterator[Fault]:
    routers: dict[Wire, dict[Address, int]] = {}
    for index, network in networks.items():
        for wire in wires(network):
            for router in _routers(network):
                routers.setdefault(wire, {}).setdefault(router, index)
    for index, network in networks.items():
        plugin = network.ipam
        if plugin is None:
            continue
        own = _routers(network)
        others = {
            router: other
            for wire in wires(network)
            for router, other in routers.get(wire, {}).items()
            if router not in own
        }
        for pool in plugin.pools:
            for router, other in others.items():
                if any(router in span for span in pool.spans):
                    yield Fault(
                        (index, "ipam", *pool.path),
                        f"it hands out {router}, a gateway of networks[{other}]. "
                        f"{KEEP_OUT[plugin.type]}",
                        str(pool),
                    )


def _bridge_addresses(networks: Placed) -> Iterator[Fault]:
    """The plugin gives a bridge one IPv4 address, and IPv6 ones of networks that do not overlap.

    Each VLAN has an interface of its own (`ensureAddr` in plugins/main/bridge/bridge.go): with a
    second address a pod does not start, and with forceAddress the pods of the first network lose
    their gateway.
    """
    first: dict[tuple[str, int], dict[Interface, int]] = {}
    for index, network in networks.items():
        if not isinstance(network, Bridge):
            continue
        there = first.setdefault((network.bridge, network.vlan or DEFAULT_VLAN), {})
        for wanted in taken_by_the_bridge(network):
            for held, other in there.items():
                if other != index and collide(held, wanted):
                    yield Fault(
                        (index, "isGateway"),
                        f"the bridge would need {wanted}, and for networks[{other}] it has {held}. "
                        "It can have one of them. Give both one gateway, or another bridge or vlan",
                        True,  # noqa: FBT003 (the value that the user wrote)
                    )
                    break
            there.setdefault(wanted, index)
