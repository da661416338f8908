"""Rules about the addresses that networks hand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from netaddr import IPSet
from pydantic.alias_generators import to_snake

from ..addresses import Cidr, overlap
from ..findings import repeated
from ..ipam import HostLocal, Static, Whereabouts
from ..ipam.base import Ipam, Pool
from ..ipam.whereabouts import Limits
from ..networks.base import TypedNetwork
from .configuration import Configuration, Declared
from .registry import Hit, at, check

# RFC 6890 and 4291: no host on a wire has such an address.
SPECIAL: Final[tuple[tuple[str, Cidr], ...]] = tuple(
    (use, ip_network(cidr))
    for use, cidr in (
        ("this-network", "0.0.0.0/8"),
        ("loopback", "127.0.0.0/8"),
        ("multicast", "224.0.0.0/4"),
        ("broadcast", "255.255.255.255/32"),
        ("loopback", "::/127"),
        ("multicast", "ff00::/8"),
    )
)


@check(Ipam)
def pools(ipam: Ipam) -> Iterator[Hit]:
    for pool in ipam.pools:
        met = (one for one in SPECIAL if overlap(one[1], pool.cidr))
        for use, special in met:
            if pool.addresses & IPSet([str(special)]):
                yield at("special-address", *pool.path, special=special, use=use)
        if not pool.addresses:
            yield at("nothing-left", *pool.path)
        if pool.cidr.version == 6 and pool.cidr.is_link_local:
            yield at("link-local-range", *pool.path)
        last = pool.cidr.broadcast_address
        if pool.cidr.version == 4 and pool.cidr.prefixlen < 31 and pool.hands_out(last):
            static = isinstance(ipam, Static)
            name = "static-broadcast-address" if static else "broadcast-handed-out"
            yield at(name, *pool.path, last=last, cidr=pool.cidr)
    if isinstance(ipam, Whereabouts | HostLocal) and ipam.capacity == 1:
        yield at("one-address", *ipam.pools[0].path)


@check(Limits)
def limits(entry: Limits) -> Iterator[Hit]:
    if entry.range is None:
        for key in ("rangeStart", "rangeEnd", "exclude"):
            if getattr(entry, to_snake(key)):
                message = "is read beside range only, and there is none"
                fix = "Put it into the entry that it is for"
                yield at("limit-ignored", key, message=message, remedy=fix)
        return
    first, last = entry.limits()
    for key in ("rangeStart", "rangeEnd"):
        if getattr(entry, to_snake(key)) not in (None, first, last):
            yield at("limit-ignored", key, first=first, last=last)
    if entry.range.first is None and str(entry.range) != str(entry.cidr):
        yield at("range-with-host-bits", "range", remedy=f'Did you mean "{entry.cidr}"?')
    for index, hole in enumerate(entry.exclude):
        if not overlap(hole, entry.cidr):
            yield at("exclude-outside", "exclude", index)


@check(Static)
def static_addresses(ipam: Static) -> Iterator[Hit]:
    for index, first in repeated(entry.address for entry in ipam.addresses):
        yield at("static-address-twice", "addresses", index, "address", first=first)


@check(TypedNetwork)
def static_without_addresses(network: TypedNetwork) -> Iterator[Hit]:
    ipam = network.ipam
    if isinstance(ipam, Static) and not (ipam.addresses or ipam.routes or network.capabilities):
        yield at("static-without-addresses", "ipam", "addresses")


@check(Whereabouts)
def same_range_twice(ipam: Whereabouts) -> Iterator[Hit]:
    for index, _ in repeated(entry.cidr for _, entry in ipam.entries):
        yield at("same-range-twice", *ipam.entries[index][0], "range")


@check()
def ranges(one: Declared, config: Configuration) -> Iterator[Hit]:
    """host-local refuses overlaps; Whereabouts does where it is told not to look elsewhere."""
    plugin = one.ipam
    refuses = isinstance(plugin, HostLocal) or (
        isinstance(plugin, Whereabouts) and not plugin.enable_overlapping_ranges
    )
    for first, second in meetings(_claims([one]), lambda _: [0]) if refuses else ():
        if first.pool.path != second.pool.path and first.pool.cidr != second.pool.cidr:
            yield at("ranges-overlap", "ipam", *second.pool.path, first=first.pool)
    for pool in one.pools:
        met = [each for each in config.own_networks if overlap(pool.cidr, each[0])]
        for own, correction in () if one.own_table else met[:1]:
            remedy = f"Choose another; {correction}"
            yield at("range-of-the-cluster", "ipam", *pool.path, own=own, remedy=remedy)


@dataclass(frozen=True)
class Claim:
    """A pool of a network, to be compared with others."""

    one: Declared
    pool: Pool

    @property
    def shared_pool(self) -> Hashable:
        """What pools have in common whose addresses are counted together; None if nothing.

        Whereabouts looks at every pool of a networkName, none included, unless it is told not to
        (`IPManagementKubernetesUpdate` in pkg/storage/kubernetes/ipam.go).
        """
        plugin = self.one.ipam
        if isinstance(plugin, Whereabouts):
            together = plugin.enable_overlapping_ranges
            return (plugin.network_name, "all" if together else self.pool.cidr)
        if isinstance(plugin, HostLocal):
            return (plugin.data_dir, self.one.network.cni_name)
        return None


def _claims(networks: Iterable[Declared]) -> Iterator[Claim]:
    return (Claim(one, pool) for one in networks for pool in one.pools)


def meetings(
    claimed: Iterable[Claim],
    places: Callable[[Claim], Iterable[Hashable]],
    group: Callable[[Claim], Hashable] = lambda _: None,
    told: Container[int] = (),
) -> Iterator[tuple[Claim, Claim]]:
    """Pairs of claims that share addresses and a place, in the order of their networks.

    Claims of one group may share. A sweep in order of the first addresses, so that a thousand
    disjoint networks cost a sort. told: indices of networks that need no second earlier one; it may
    grow between two pairs, so that a thousand networks of one range cost little more.
    """
    held: dict[Hashable, list[tuple[int, Hashable, Claim]]] = defaultdict(list)
    for claim in sorted(claimed, key=lambda one: (one.pool.cidr.version, int(one.pool.first))):
        start, last, own = int(claim.pool.first), int(claim.pool.last), group(claim)
        for place in places(claim):
            here = (place, claim.pool.cidr.version)
            held[here] = [one for one in held[here] if one[0] >= start]
            for _, theirs, other in held[here]:
                first, second = (
                    (other, claim) if other.one.index <= claim.one.index else (claim, other)
                )
                if second.one.index in told or (own is not None and own == theirs):
                    continue
                if claim.pool.meets(other.pool):
                    yield first, second
            held[here].append((last, own, claim))


def _told_once(rule: str, pairs: Iterable[tuple[Claim, Claim]], told: set[int]) -> Iterator[Hit]:
    """A hit for each network that meets an earlier one, which is then among those told."""
    for (one, pool), (other, theirs) in (((b.one, b.pool), (a.one, a.pool)) for a, b in pairs):
        if one is not other:
            told.add(one.index)
            yield at(rule, "ipam", *pool.path, of=one, other=other, theirs=theirs)


def _pools_by_range(claim: Claim) -> Iterator[Hashable]:
    """Networks that name the same pool mean it."""
    plugin = claim.one.ipam
    if isinstance(plugin, Whereabouts) and not plugin.network_name:
        yield claim.pool.cidr
        if plugin.enable_overlapping_ranges:
            yield "any"


@check()
def networks_addresses(config: Configuration) -> Iterator[Hit]:
    told: set[int] = set()
    claims = _claims(config.networks)
    pairs = meetings(claims, lambda it: it.one.wires, lambda it: it.shared_pool, told)
    near = ((a, b) for a, b in pairs if not a.one.network.apart_from(b.one.network))
    yield from _told_once("range-overlap", near, told)
    elsewhere: set[int] = set()
    on_wires = _claims(one for one in config.networks if one.wires)
    apart = (
        pair
        for pair in meetings(on_wires, _pools_by_range, lambda it: it.one.wires, elsewhere)
        if not {*pair[0].one.wires} & {*pair[1].one.wires}  # else they overlap
    )
    yield from _told_once("one-pool-for-two-wires", apart, elsewhere)


@check()
def names(config: Configuration) -> Iterator[Hit]:
    for index, first in repeated(one.network.key for one in config.networks):
        one, other = config.networks[index], config.networks[first]
        yield at("duplicate-network", "name", of=one, other=other.seen_from(one))
    for index, first in repeated(one.network.cni_name for one in config.networks):
        one, other = config.networks[index], config.networks[first]
        if one.network.key != other.network.key:
            if one.value(("config", "name")) is None:
                one, other = other, one
            yield at("shared-cni-name", "config", "name", of=one, other=other)
