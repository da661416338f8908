"""Wires: which networks' pods can hear each other, and which addresses meet there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from components.addresses import Span
from components.ipam import Pool, Whereabouts
from components.networks.kinds import (
    AnyTyped,
    Bond,
    Bridge,
    HostDevice,
    Ipvlan,
    Macvlan,
    Sriov,
    Vlan,
)

Wire = Hashable
Placed = Mapping[int, AnyTyped]
"""Networks by their index in the stack's list."""

DEFAULT_VLAN = 1


def wires(network: AnyTyped) -> tuple[Wire, ...]:
    """The wires that the network's pods are on: the device, with the VLAN.

    A macvlan may have its device in common with a bridge network. Without a VLAN a bridge's port
    is in its default, and with preserveDefaultVlan in both. A VLAN of a bridge is the one that the
    bridge's ports are in. Where a bond's links lead only the pod knows.
    """
    match network:
        case Macvlan() | Ipvlan() | HostDevice():
            return ((network.segment, DEFAULT_VLAN),)
        case Vlan():
            # Tagged, VLAN 1 is not what goes without a tag.
            vlan: Hashable = network.vlan_id if network.vlan_id != DEFAULT_VLAN else "1, tagged"
            return ((network.master, vlan),)
        case Bridge():
            vlans = {network.vlan or DEFAULT_VLAN}
            if network.preserve_default_vlan:
                vlans.add(DEFAULT_VLAN)
            return tuple((network.bridge, vlan) for vlan in sorted(vlans))
        case Sriov():
            return ((network.resource_name, network.vlan or DEFAULT_VLAN),)
        case Bond():
            return tuple((link, DEFAULT_VLAN) for link in network.node_links)
        case _:
            assert_never(network)


@dataclass(frozen=True)
class Claim:
    """A span of addresses that a network hands out."""

    index: int
    network: AnyTyped
    pool: Pool
    span: Span

    @property
    def whereabouts(self) -> Whereabouts | None:
        return self.network.ipam if isinstance(self.network.ipam, Whereabouts) else None


def claims(networks: Placed) -> Iterator[Claim]:
    for index, network in networks.items():
        for pool in network.ipam.pools if network.ipam is not None else ():
            for span in pool.spans:
                yield Claim(index, network, pool, span)


def meetings(
    claimed: Iterable[Claim], places: Callable[[Claim], Iterable[Hashable]]
) -> Iterator[tuple[Claim, Claim]]:
    """Pairs of claims of two networks that share addresses and a place, in the networks' order.

    A sweep over all spans in order of their first address, so that a thousand disjoint networks
    cost a sort and not half a million comparisons.
    """
    held: dict[Hashable, list[Claim]] = {}
    for claim in sorted(claimed, key=lambda one: (one.span.first.version, int(one.span.first))):
        for place in places(claim):
            active = [one for one in held.get(place, []) if one.span.overlaps(claim.span)]
            for other in active:
                if other.index != claim.index:
                    first, second = sorted((other, claim), key=lambda one: one.index)
                    yield first, second
            held[place] = [*active, claim]
