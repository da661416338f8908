"""Rules about the addresses that networks hand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from netaddr import IPSet

from ..fields import Cidr, overlap
from ..findings import repeated
from ..ipam import HostLocal, Static, Whereabouts
from ..ipam.base import Pool
from .configuration import Configuration, Declared
from .registry import Hit, rule

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


@rule("special-address")
def special_address(one: Declared, _: Configuration) -> Iterator[Hit]:
    for pool in one.pools:
        for use, special in SPECIAL:
            if overlap(special, pool.cidr) and pool.addresses & IPSet([str(special)]):
                message = f"{special} is {use}: no pod can use it"
                yield Hit(("ipam", *pool.path), message, str(pool))


@rule("limit-ignored")
def limit_ignored(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, Whereabouts) and one.ipam.range is None:
        flat = one.ipam
        for key, given in (
            ("rangeStart", flat.range_start),
            ("rangeEnd", flat.range_end),
            ("exclude", flat.exclude),
        ):
            if given:
                message = "Whereabouts reads it beside range only, and there is none"
                yield Hit(("ipam", key), message, remedy="Put it into the entry that it is for")
    for path, entry in one.ipam.entries if isinstance(one.ipam, Whereabouts) else ():
        first, last = entry.limits()
        for key, limit in (("rangeStart", entry.range_start), ("rangeEnd", entry.range_end)):
            if limit is not None and limit not in (first, last):
                message = f"Whereabouts ignores it and hands out {first} to {last}"
                yield Hit(("ipam", *path, key), message, str(limit))


@rule("range-with-host-bits")
def range_with_host_bits(one: Declared, _: Configuration) -> Iterator[Hit]:
    for path, entry in one.ipam.entries if isinstance(one.ipam, Whereabouts) else ():
        if entry.range and entry.range.first is None and str(entry.range) != str(entry.cidr):
            message = f"Whereabouts takes the whole of {entry.cidr}"
            remedy = f'Did you mean "{entry.cidr}"?'
            yield Hit(("ipam", *path, "range"), message, str(entry.range), remedy)


@rule("exclude-outside")
def exclude_outside(one: Declared, _: Configuration) -> Iterator[Hit]:
    for path, entry in one.ipam.entries if isinstance(one.ipam, Whereabouts) else ():
        for index, hole in enumerate(entry.exclude):
            if not overlap(hole, entry.cidr):
                where = ("ipam", *path, "exclude", index)
                yield Hit(where, f"it is outside {entry.cidr}", str(hole))


@rule("nothing-left")
def nothing_left(one: Declared, _: Configuration) -> Iterator[Hit]:
    for pool in one.pools:
        if not pool.addresses:
            message = "nothing is left of it for pods: all is excluded, or the gateway's"
            yield Hit(("ipam", *pool.path), message, str(pool))


@rule("one-address")
def one_address(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, Whereabouts | HostLocal) and one.ipam.capacity == 1:
        path, pool = one.pools[0].path, one.pools[0]
        yield Hit(("ipam", *path), "it has one address, and a rolling update hangs", str(pool))


def _broadcasts(one: Declared) -> Iterator[Hit]:
    for pool in one.pools:
        broadcast = pool.cidr.broadcast_address
        if pool.cidr.version == 4 and pool.cidr.prefixlen < 31 and pool.hands_out(broadcast):
            message = f"{broadcast} is the broadcast address of {pool.cidr}, and no host's"
            yield Hit(("ipam", *pool.path), message, str(pool))


@rule("static-broadcast-address")
def static_broadcast_address(one: Declared, _: Configuration) -> Iterator[Hit]:
    yield from _broadcasts(one) if isinstance(one.ipam, Static) else ()


@rule("broadcast-handed-out")
def broadcast_handed_out(one: Declared, _: Configuration) -> Iterator[Hit]:
    yield from () if isinstance(one.ipam, Static) else _broadcasts(one)


@rule("link-local-range")
def link_local_range(one: Declared, _: Configuration) -> Iterator[Hit]:
    for pool in one.pools:
        if pool.cidr.version == 6 and pool.cidr.is_link_local:
            message = "fe80::/10 is link-local, and each interface has a network of it already"
            yield Hit(("ipam", *pool.path), message, str(pool))


@rule("static-address-twice")
def static_address_twice(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, Static):
        written = [entry.address for entry in one.ipam.addresses]
        for index, first in repeated(written):
            where = ("ipam", "addresses", index, "address")
            yield Hit(where, f"addresses[{first}] has it already", str(written[index]))


@rule("static-without-addresses")
def static_without_addresses(one: Declared, _: Configuration) -> Iterator[Hit]:
    plugin, network = one.ipam, one.typed
    if not isinstance(plugin, Static) or plugin.addresses or plugin.routes:
        return
    if network is None or "ips" not in network.capabilities:
        yield Hit(("ipam", "addresses"), "names none, so each pod must bring its own")


@rule("same-range-twice")
def same_range_twice(one: Declared, _: Configuration) -> Iterator[Hit]:
    entries = one.ipam.entries if isinstance(one.ipam, Whereabouts) else ()
    for index, first in repeated(entry.cidr for _, entry in entries):
        message = f"entry {first} is of it too, and one range is one pool for a pod"
        yield Hit(("ipam", *entries[index][0], "range"), message, str(entries[index][1].range))


@rule("ranges-overlap")
def ranges_overlap(one: Declared, _: Configuration) -> Iterator[Hit]:
    """host-local refuses them; Whereabouts does where it is told not to look at other pools."""
    plugin = one.ipam
    refuses = isinstance(plugin, HostLocal) or (
        isinstance(plugin, Whereabouts) and not plugin.enable_overlapping_ranges
    )
    for first, second in meetings(_claims([one]), lambda _: [0]) if refuses else ():
        if first.pool.path != second.pool.path and first.pool.cidr != second.pool.cidr:
            yield Hit(("ipam", *second.pool.path), f"it overlaps {first.pool}", str(second.pool))


@rule("range-of-the-cluster")
def range_of_the_cluster(one: Declared, config: Configuration) -> Iterator[Hit]:
    for pool in one.pools:
        for own, correction in config.own_networks:
            if overlap(pool.cidr, own):
                message = f"it overlaps {own}, the cluster's own, which pods would no longer reach"
                remedy = f"Choose another; {correction}"
                yield Hit(("ipam", *pool.path), message, str(pool), remedy)
                break


@dataclass(frozen=True)
class Claim:
    """A pool of a network, to be compared with others."""

    one: Declared
    pool: Pool

    @property
    def shared_pool(self) -> Hashable:
        """What pools have in common that count their addresses together; None if nothing."""
        plugin = self.one.ipam
        if isinstance(plugin, Whereabouts):
            return ("whereabouts", plugin.network_name, self.pool.cidr)
        if isinstance(plugin, HostLocal):
            return ("host-local", plugin.data_dir, self.one.network.cni_name)
        return None


def _claims(networks: Iterable[Declared]) -> Iterator[Claim]:
    for one in networks:
        for pool in one.pools:
            yield Claim(one, pool)


def meetings(
    claimed: Iterable[Claim], places: Callable[[Claim], Iterable[Hashable]]
) -> Iterator[tuple[Claim, Claim]]:
    """Pairs of claims that share addresses and a place, in the order of their networks.

    A sweep in order of the first addresses, so that a thousand disjoint networks cost a sort.
    """
    held: dict[Hashable, list[Claim]] = defaultdict(list)
    for claim in sorted(claimed, key=lambda one: (one.pool.cidr.version, int(one.pool.first))):
        start = int(claim.pool.first)
        for place in places(claim):
            here = (place, claim.pool.cidr.version)
            held[here] = [one for one in held[here] if int(one.pool.last) >= start]
            for other in held[here]:
                if not other.pool.addresses.isdisjoint(claim.pool.addresses):
                    first, second = sorted((other, claim), key=lambda one: one.one.index)
                    yield first, second
            held[here].append(claim)


@rule("range-overlap")
def range_overlap(config: Configuration) -> Iterator[Hit]:
    told: set[int] = set()
    for first, second in meetings(_claims(config.networks), lambda claim: claim.one.wires):
        same = first.shared_pool is not None and first.shared_pool == second.shared_pool
        by_name = isinstance(first.one.ipam, Whereabouts) and first.one.ipam.network_name
        if first.one.index == second.one.index or second.one.index in told:
            continue
        if same and (by_name or isinstance(first.one.ipam, HostLocal)):
            continue
        told.add(second.one.index)
        remedy = "Keep them apart" + (", or give both the same networkName" if same else "")
        message = (
            f"it overlaps networks[{first.one.index}] on {first.one.segment}, which hands out "
            f"{first.pool.span}"
        )
        where = second.one.place(("ipam", *second.pool.path))
        yield Hit(where, message, str(second.pool), remedy)


@rule("one-pool-for-two-wires")
def one_pool_for_two_wires(config: Configuration) -> Iterator[Hit]:
    """Networks that name the same pool mean it."""

    def pools(claim: Claim) -> Iterator[Hashable]:
        if isinstance(plugin := claim.one.ipam, Whereabouts):
            yield plugin.network_name, claim.pool.cidr
            if plugin.enable_overlapping_ranges:
                yield plugin.network_name

    told: set[int] = set()
    for first, second in meetings(_claims(config.networks), pools):
        wires, others = {*first.one.wires}, {*second.one.wires}
        plugin = first.one.ipam
        if isinstance(plugin, Whereabouts) and plugin.network_name:
            continue
        if second.one.index not in told and wires and others and not wires & others:
            told.add(second.one.index)
            message = (
                f"networks[{first.one.index}] is on another wire and shares addresses of "
                f"{first.pool.cidr}: what one uses the other lacks"
            )
            yield Hit(second.one.place(("ipam", *second.pool.path)), message, str(second.pool))


@rule("shared-cni-name")
def shared_cni_name(config: Configuration) -> Iterator[Hit]:
    names = [one.network.cni_name for one in config.networks]
    for index, first in repeated(names):
        one, other = config.networks[index], config.networks[first]
        if one.network.key != other.network.key:
            message = f"networks[{other.index}] has that CNI name too, and host-local counts by it"
            yield Hit(one.place(("config", "name")), message, names[index])


@rule("duplicate-network")
def duplicate_network(config: Configuration) -> Iterator[Hit]:
    for index, first in repeated(one.network.key for one in config.networks):
        one, other = config.networks[index], config.networks[first]
        message = f"networks[{other.index}] in namespace {one.network.namespace} has that name"
        yield Hit(one.place(("name",)), message, one.network.name)
