"""Checks across networks, and of networks against the stack's IPAM and the cluster.

Everything here looks at networks that are sound each by itself. Faults carry the network's index
in `networks`, so that they name what the user wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.addresses import Address, Cidr, Span
from components.cluster import Cluster
from components.faults import Fault
from components.ipam import HostLocal, Pool, Static, Whereabouts
from components.networks.kinds import AnyNetwork, Bridge, Ipvlan, Macvlan

Placed = Mapping[int, AnyNetwork]
"""Networks by their index in the stack's list."""


def faults(networks: Placed, ipam: str | None, cluster: Cluster | None) -> Iterator[Fault]:
    """All of them; `ipam` or `cluster` is None where it is faulty itself."""
    yield from _names(networks)
    yield from _masters(networks)
    yield from _overlaps(networks)
    yield from _gateways(networks)
    for index, network in networks.items():
        for fault in _of_one(network, ipam, cluster):
            yield fault.under(index)


def _names(networks: Placed) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, network in networks.items():
        if (other := first.setdefault(network.key, index)) != index:
            yield Fault(
                (index, "name"),
                f"networks[{other}] in namespace {network.namespace} has that name already",
                network.name,
            )


def _masters(networks: Placed) -> Iterator[Fault]:
    """The kernel gives a master to macvlan or to ipvlan, not to both (multus-cni#1339)."""
    first: dict[str, tuple[int, AnyNetwork]] = {}
    for index, network in networks.items():
        if isinstance(network, Macvlan | Ipvlan):
            other, holder = first.setdefault(network.master, (index, network))
            if holder.type != network.type:
                yield Fault(
                    (index, "master"),
                    f"networks[{other}] is a {holder.type} on it, and a master carries either "
                    "macvlan or ipvlan. Make both of one type or take another master",
                    network.master,
                )
            elif isinstance(network, Ipvlan) and network.mode != holder.mode:
                yield Fault(
                    (index, "mode"),
                    f"networks[{other}] has {holder.mode}, and the mode is the master's: the later "
                    "one would change both. Use one mode",
                    network.mode,
                )
            elif other != index and "passthru" in (network.mode, holder.mode):
                yield Fault(
                    (index, "master"),
                    f"passthru takes a master alone, and networks[{other}] is on it too",
                    network.master,
                )


def _overlaps(networks: Placed) -> Iterator[Fault]:
    """Two networks on one wire must not hand out the same address.

    A sweep over all spans in order of their first address, so that a thousand disjoint networks
    cost a sort and not half a million comparisons.
    """
    claims = sorted(
        (
            _Claim(index, network, pool, span)
            for index, network in networks.items()
            if network.ipam is not None
            for pool in network.ipam.pools
            for span in pool.spans
        ),
        key=lambda claim: (claim.span.first.version, int(claim.span.first)),
    )
    held: dict[tuple[object, ...], list[_Claim]] = {}
    clashes: dict[int, Fault] = {}  # one for each network: its first
    for claim in claims:
        active = [other for other in held.get(wire(claim.network), []) if other.reaches(claim)]
        for other in active:
            first, second = sorted((other, claim), key=lambda one: one.index)
            if first.index != second.index and not _share(first, second):
                clashes.setdefault(second.index, _clash(first, second))
        held[wire(claim.network)] = [*active, claim]
    for _, fault in sorted(clashes.items()):
        yield fault


@dataclass(frozen=True)
class _Claim:
    """A span of addresses that a network hands out on its wire."""

    index: int
    network: AnyNetwork
    pool: Pool
    span: Span

    def reaches(self, later: _Claim) -> bool:
        return self.span.overlaps(later.span)


def wire(network: AnyNetwork) -> tuple[object, ...]:
    """What two networks must share for their pods to be on one wire.

    The device, which a macvlan may have in common with a bridge network, and the VLAN: without one
    a bridge's port is in its default, which is 1.
    """
    vlan = network.vlan if isinstance(network, Bridge) else None
    return network.segment, vlan or 1


def _clash(first: _Claim, second: _Claim) -> Fault:
    same = first.pool.cidr == second.pool.cidr
    hint = (
        ", or give both the same networkName to share one pool"
        if same and _whereabouts(first) and _whereabouts(second)
        else ""
    )
    return Fault(
        (second.index, "ipam", *second.pool.path),
        f"overlaps networks[{first.index}] on {first.network.segment}, which hands out "
        f"{first.span}. Keep them apart{hint}",
        str(second.pool),
    )


def _gateways(networks: Placed) -> Iterator[Fault]:
    """A network keeps its own gateway back, not the one of another network on the wire."""
    named: dict[tuple[object, ...], list[tuple[int, Address]]] = {}
    for index, network in networks.items():
        if network.ipam is not None:
            at_wire = named.setdefault(wire(network), [])
            at_wire += ((index, gateway) for gateway in network.ipam.gateways)
    for index, network in networks.items():
        plugin = network.ipam
        if plugin is None:
            continue
        others = {
            gateway: other
            for other, gateway in named[wire(network)]
            if other != index and gateway not in plugin.gateways
        }
        for pool in plugin.pools:
            for gateway, other in others.items():
                if any(gateway in span for span in pool.spans):
                    yield Fault(
                        (index, "ipam", *pool.path),
                        f"it hands out {gateway}, a gateway of networks[{other}]. "
                        f"{KEEP_OUT[plugin.type]}",
                        str(pool),
                    )


KEEP_OUT: Final = {
    "host-local": "Keep it out by rangeStart or rangeEnd",
    "static": "Take another address",
    "whereabouts": "Put it into exclude",
}


def _share(first: _Claim, second: _Claim) -> bool:
    """Whereabouts networks that name one pool take their addresses from it together."""
    one, two = _whereabouts(first), _whereabouts(second)
    return (
        one is not None
        and two is not None
        and one.network_name is not None
        and one.network_name == two.network_name
        and first.pool.cidr == second.pool.cidr
    )


def _whereabouts(claim: _Claim) -> Whereabouts | None:
    return claim.network.ipam if isinstance(claim.network.ipam, Whereabouts) else None


def _of_one(network: AnyNetwork, ipam: str | None, cluster: Cluster | None) -> Iterator[Fault]:
    plugin = network.ipam
    if plugin is None:
        return
    if ipam is not None and not isinstance(plugin, Static) and plugin.type != ipam:
        yield Fault(
            ("ipam", "type"),
            f"the stack deploys {ipam} (multus:ipam), so that is {ipam} or static",
            plugin.type,
        )
    several = cluster is not None and cluster.nodes == "multi"
    if isinstance(plugin, HostLocal) and several and not plugin.allow_multi_node:
        yield Fault(
            ("ipam", "type"),
            "the cluster has several nodes, and each would hand out the same addresses. Use "
            "whereabouts, or set allowMultiNode: true on this ipam if the nodes share no wire",
            plugin.type,
        )


def _shared_pools(networks: Sequence[AnyNetwork]) -> Iterator[str]:
    """Whereabouts names a pool after networkName and range, whatever the wire."""
    first: dict[tuple[str | None, Cidr], AnyNetwork] = {}
    for network in networks:
        if not isinstance(network.ipam, Whereabouts):
            continue
        for pool in network.ipam.pools:
            other = first.setdefault((network.ipam.network_name, pool.cidr), network)
            if wire(other) != wire(network):
                yield (
                    f"networks {other.key} and {network.key} are on different wires and take "
                    f"addresses from one pool, {pool.cidr}: what one uses the other lacks. Give "
                    "each a networkName of its own"
                )


def warnings(networks: Sequence[AnyNetwork]) -> Iterator[str]:
    """What works and will surprise."""
    yield from _shared_pools(networks)
    for network in networks:
        if isinstance(network.ipam, Whereabouts | HostLocal) and network.ipam.capacity == 1:
            yield (
                f"network {network.key} has one address: a rolling update hangs, because the new "
                "pod waits for the old one's. Use the strategy Recreate or a larger range"
            )
