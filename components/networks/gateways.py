"""Gateways across networks: no pod is given a router's address, and a bridge has one of its own.

A network keeps its own gateways back; the ones of another network on its wire it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.addresses import Address, Addresses, Interface
from components.faults import Fault
from components.ipam import Pool
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
    named: dict[Wire, dict[Address, int]] = {}
    for index, network in networks.items():
        for wire in wires(network):
            for router in _routers(network):
                named.setdefault(wire, {}).setdefault(router, index)
    by_wire = {wire: Addresses(found.items()) for wire, found in named.items()}
    for index, network in networks.items():
        own, told = _routers(network), set()
        for pool in network.ipam.pools if network.ipam else ():
            for wire in wires(network):
                for span in pool.spans if wire in by_wire else ():
                    told |= {one for one in by_wire[wire].within(span) if one[0] not in own}
            for router, other in sorted(told, key=lambda one: int(one[0])):
                yield _fault(index, network, pool, router, other)
            told.clear()


def _fault(index: int, network: AnyTyped, pool: Pool, router: Address, other: int) -> Fault:
    assert network.ipam is not None  # it has a pool
    return Fault(
        (index, "ipam", *pool.path),
        f"it hands out {router}, a gateway of networks[{other}]. {KEEP_OUT[network.ipam.type]}",
        str(pool),
    )


def _bridge_addresses(networks: Placed) -> Iterator[Fault]:
    """The plugin gives a bridge one IPv4 address, and IPv6 ones of networks that do not overlap.

    Each VLAN has an interface of its own (`ensureAddr` in plugins/main/bridge/bridge.go): with a
    second address a pod does not start, and with forceAddress the pods of the first network lose
    their gateway.
    """
    held: list[tuple[int, tuple[str, int], Interface]] = []
    for index, network in networks.items():
        if not isinstance(network, Bridge):
            continue
        place = (network.bridge, network.vlan or DEFAULT_VLAN)
        for wanted in taken_by_the_bridge(network):
            for other, there, has in held:
                apart = has.ip not in wanted.network and wanted.ip not in has.network
                if other == index or (has, there) == (wanted, place):
                    continue
                if there == place and collide(has, wanted):
                    way = "or another bridge or vlan" if apart else "or a subnet of its own"
                    rule = (
                        f"the bridge would need {wanted}, and for networks[{other}] it has {has}. "
                        f"It can have one of them. Give both one gateway, {way}"
                    )
                elif there != place and not apart:
                    rule = (
                        f"the node would have {wanted} beside {has}, which it has for "
                        f"networks[{other}] on another bridge or VLAN, and answer pods of one of "
                        "them only. Give each a subnet of its own"
                    )
                else:
                    continue
                # The value is what the user wrote.
                yield Fault((index, "isGateway"), rule, True)  # noqa: FBT003
                break
            held.append((index, place, wanted))
