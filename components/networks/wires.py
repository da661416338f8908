"""Wires: which networks' pods can hear each other, and which addresses meet there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from components.addresses import Span
from components.ipam import Pool, Whereabouts
from components.networks.kinds import AnyNetwork, Bridge

Wire = Hashable
Placed = Mapping[int, AnyNetwork]
"""Networks by their index in the stack's list."""

DEFAULT_VLAN = 1


def wires(network: AnyNetwork) -> tuple[Wire, ...]:
    """The wires that the network's pods are on: the device, with the VLAN.

    A macvlan may have its device in common with a bridge network. Without a VLAN a bridge's port
    is in its default, and with preserveDefaultVlan in both.
    """
    vlans = {DEFAULT_VLAN}
    if isinstance(network, Bridge) and network.vlan is not None:
        vlans = {network.vlan} | ({DEFAULT_VLAN} if network.preserve_default_vlan else set())
    return tuple((network.segment, vlan) for vlan in sorted(vlans))


@dataclass(frozen=True)
class Claim:
    """A span of addresses that a network hands out."""

    index: int
    network: AnyNetwork
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
