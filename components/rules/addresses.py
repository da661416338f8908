"""Rules about the addresses that networks hand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
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


@rule("special-address", Ipam)
def special_address(ipam: Ipam) -> Iterator[Hit]:
    for pool in ipam.pools:
        for use, special in SPECIAL:
            if overlap(special, pool.cidr) and pool.addresses & IPSet([str(special)]):
                yield Hit(pool.path, f"{special} is {use}: no pod can use it", str(pool))


@rule("limit-ignored", Limits)
def limit_ignored(entry: Limits) -> Iterator[Hit]:
    if entry.range is None:
        for key in ("rangeStart", "rangeEnd", "exclude"):
            if getattr(entry, to_snake(key)):
                message = "Whereabouts reads it beside range only, and there is none"
                yield Hit((key,), message, remedy="Put it into the entry that it is for")
        return
    first, last = entry.limits()
    for key, limit in (("rangeStart", entry.range_start), ("rangeEnd", entry.range_end)):
        if limit is not None and limit not in (first, last):
            message = f"Whereabouts ignores it and hands out {first} to {last}"
            yield Hit((key,), message, str(limit))


@rule("range-with-host-bits", Limits)
def range_with_host_bits(entry: Limits) -> Iterator[Hit]:
    if entry.range and entry.range.first is None and str(entry.range) != str(entry.cidr):
        message = f"Whereabouts takes the whole of {entry.cidr}"
        yield Hit(("range",), message, str(entry.range), f'Did you mean "{entry.cidr}"?')


@rule("exclude-outside", Limits)
def exclude_outside(entry: Limits) -> Iterator[Hit]:
    for index, hole in enumerate(entry.exclude if entry.range else ()):
        if not overlap(hole, entry.cidr):
            yield Hit(("exclude", index), f"it is outside {entry.cidr}", str(hole))


@rule("nothing-left", Ipam)
def nothing_left(ipam: Ipam) -> Iterator[Hit]:
    for pool in ipam.pools:
        if not pool.addresses:
            message = "nothing is left of it for pods: all is excluded, or the gateway's"
            yield Hit(pool.path, message, str(pool))


@rule("one-address", Whereabouts, HostLocal)
def one_address(ipam: Whereabouts | HostLocal) -> Iterator[Hit]:
    if ipam.capacity == 1:
        pool = ipam.pools[0]
        yield Hit(pool.path, "it has one address, and a rolling update hangs", str(pool))


def _broadcasts(ipam: Ipam) -> Iterator[Hit]:
    for pool in ipam.pools:
        broadcast = pool.cidr.broadcast_address
        if pool.cidr.version == 4 and pool.cidr.prefixlen < 31 and pool.hands_out(broadcast):
            message = f"{broadcast} is the broadcast address of {pool.cidr}, and no host's"
            yield Hit(pool.path, message, str(pool))


rule("static-broadcast-address", Static)(_broadcasts)
rule("broadcast-handed-out", HostLocal, Whereabouts)(_broadcasts)


@rule("link-local-range", Ipam)
def link_local_range(ipam: Ipam) -> Iterator[Hit]:
    for pool in ipam.pools:
        if pool.cidr.version == 6 and pool.cidr.is_link_local:
            message = "fe80::/10 is link-local, and each interface has a network of it already"
            yield Hit(pool.path, message, str(pool))


@rule("static-address-twice", Static)
def static_address_twice(ipam: Static) -> Iterator[Hit]:
    written = [entry.address for entry in ipam.addresses]
    for index, first in repeated(written):
        message = f"addresses[{first}] has it already"
        yield Hit(("addresses", index, "address"), message, str(written[index]))


@rule("static-without-addresses", TypedNetwork)
def static_without_addresses(network: TypedNetwork) -> Iterator[Hit]:
    ipam = network.ipam
    if isinstance(ipam, Static) and not (ipam.addresses or ipam.routes or network.capabilities):
        yield Hit(("ipam", "addresses"), "names none, so each pod must bring its own")


@rule("same-range-twice", Whereabouts)
def same_range_twice(ipam: Whereabouts) -> Iterator[Hit]:
    for index, first in repeated(entry.cidr for _, entry in ipam.entries):
        path, entry = ipam.entries[index]
        message = f"entry {first} is of it too, and one range is one pool for a pod"
        yield Hit((*path, "range"), message, str(entry.range))


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
    for one in networks:
        for pool in one.pools:
            yield Claim(one, pool)


def meetings(
    claimed: Iterable[Claim],
    places: Callable[[Claim], Iterable[Hashable]],
    group: Callable[[Claim], Hashable] = lambda _: None,
) -> Iterator[tuple[Claim, Claim]]:
    """Pairs of claims that share addresses and a place, in the order of their networks.

    Claims of one group may share. A sweep in order of the first addresses, so that a thousand
    disjoint networks cost a sort.
    """
    held: dict[Hashable, list[tuple[int, Hashable, Claim]]] = defaultdict(list)
    for claim in sorted(claimed, key=lambda one: (one.pool.cidr.version, int(one.pool.first))):
        start, last, own = int(claim.pool.first), int(claim.pool.last), group(claim)
        for place in places(claim):
            here = (place, claim.pool.cidr.version)
            held[here] = [one for one in held[here] if one[0] >= start]
            for _, theirs, other in held[here]:
                if (own is None or own != theirs) and claim.pool.meets(other.pool):
                    in_order = other.one.index <= claim.one.index
                    yield (other, claim) if in_order else (claim, other)
            held[here].append((last, own, claim))


@rule("range-overlap")
def range_overlap(config: Configuration) -> Iterator[Hit]:
    told: set[int] = set()
    claims = _claims(config.networks)
    for first, second in meetings(claims, lambda one: one.one.wires, lambda one: one.shared_pool):
        if first.one.index == second.one.index or second.one.index in told:
            continue
        told.add(second.one.index)
        message = (
            f"it overlaps networks[{first.one.index}] on {first.one.segment}, which hands out "
            f"{first.pool.span}"
        )
        where = second.one.place(("ipam", *second.pool.path))
        yield Hit(where, message, str(second.pool))


@rule("one-pool-for-two-wires")
def one_pool_for_two_wires(config: Configuration) -> Iterator[Hit]:
    """Networks that name the same pool mean it."""

    def pools(claim: Claim) -> Iterator[Hashable]:
        plugin = claim.one.ipam
        if isinstance(plugin, Whereabouts) and not plugin.network_name:
            yield claim.pool.cidr
            if plugin.enable_overlapping_ranges:
                yield "any"

    told: set[int] = set()
    # On one wire they overlap, which is another rule's.
    for first, second in meetings(_claims(config.networks), pools, lambda one: one.one.wires):
        wires, others = {*first.one.wires}, {*second.one.wires}
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
