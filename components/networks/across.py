"""Checks across networks, and of networks against the stack's IPAM and the cluster.

Everything here looks at networks that are sound each by itself. Faults carry the network's index
in `networks`, so that they name what the user wrote.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from components.cluster import AnyCluster
from components.faults import Fault
from components.ipam import AnyIpam, Dhcp, HostLocal, Static, Whereabouts
from components.networks import binaries, devices, gateways
from components.networks.kinds import AnyNetwork, AnyTyped, Bridge, Ipvlan, Raw, as_typed
from components.networks.kinds.reading import entries, place
from components.networks.wires import Claim, Placed, claims, meetings, wires


def faults(
    networks: Mapping[int, AnyNetwork], ipams: tuple[str, ...], cluster: AnyCluster | None
) -> Iterator[Fault]:
    """All of them; `ipams` is empty and `cluster` None where it is faulty itself."""
    yield from _names(networks)
    for fault in _of_all(networks, ipams, cluster):
        index, *path = fault.path
        network = networks[int(index)]
        if isinstance(network, Raw):
            path = [*place(network.reading, network.config, tuple(path))]
        yield replace(fault, path=(index, *path))
    if cluster is not None:
        yield from _raw_paths(networks, cluster)


def understood(networks: Mapping[int, AnyNetwork]) -> Placed:
    """The networks in the form that can be compared, without the raw ones that have none."""
    typed = {index: as_typed(network) for index, network in networks.items()}
    return {index: network for index, network in typed.items() if network is not None}


def _of_all(
    networks: Mapping[int, AnyNetwork], ipams: tuple[str, ...], cluster: AnyCluster | None
) -> Iterator[Fault]:
    typed = understood(networks)
    yield from devices.faults(typed)
    yield from _overlaps(typed)
    yield from gateways.faults(typed)
    for index, network in networks.items():
        plugin = network.ipam
        if plugin is not None:
            for fault in _of_one(plugin, ipams, cluster):
                yield fault.under(index)


def _raw_paths(networks: Mapping[int, AnyNetwork], cluster: AnyCluster) -> Iterator[Fault]:
    """Without the key Whereabouts looks in places of its own (k3s#10545)."""
    wanted = cluster.paths.whereabouts_conf
    for index, network in networks.items():
        if isinstance(network, Raw) and isinstance(network.reading.ipam, Whereabouts):
            prefix, plugin = entries(network.config)[0]
            given = plugin["ipam"].get("configuration_path")
            path = (index, "config", *prefix, "ipam", "configuration_path")
            if given is None:
                yield Fault(path, f"is missing: the nodes have it at {wanted}")
            elif given != wanted:
                yield Fault(path, f"the nodes have it at {wanted}", given)


def _names(networks: Mapping[int, AnyNetwork]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, network in networks.items():
        if (other := first.setdefault(network.key, index)) != index:
            yield Fault(
                (index, "name"),
                f"networks[{other}] in namespace {network.namespace} has that name already",
                network.name,
            )


def unknown_plugins(networks: Mapping[int, AnyNetwork], extra: Sequence[str]) -> Iterator[Fault]:
    """Plugins that no node has; `extra` are those that the operator put there."""
    for index, network in networks.items():
        types = network.types if isinstance(network, Raw) else [(("type",), network.type)]
        for path, plugin in types:
            if reason := binaries.missing(plugin, extra):
                yield Fault((index, *path), reason, plugin)


def _overlaps(networks: Placed) -> Iterator[Fault]:
    """Two networks on one wire must not hand out the same address."""
    clashes: dict[int, Fault] = {}  # one for each network: its first
    for first, second in meetings(claims(networks), lambda claim: wires(claim.network)):
        if not _share(first, second):
            clashes.setdefault(second.index, _clash(first, second))
    for _, fault in sorted(clashes.items()):
        yield fault


def _clash(first: Claim, second: Claim) -> Fault:
    same = first.pool.cidr == second.pool.cidr
    hint = (
        ", or give both the same networkName to share one pool"
        if same and first.whereabouts and second.whereabouts
        else ""
    )
    return Fault(
        (second.index, "ipam", *second.pool.path),
        f"it overlaps networks[{first.index}] on {first.network.segment}, which hands out "
        f"{first.span}. Keep them apart{hint}",
        str(second.pool),
    )


def _share(first: Claim, second: Claim) -> bool:
    """Whereabouts networks that name one pool take their addresses from it together."""
    one, two = first.whereabouts, second.whereabouts
    return (
        one is not None
        and two is not None
        and one.network_name is not None
        and one.network_name == two.network_name
        and first.pool.cidr == second.pool.cidr
    )


def _of_one(plugin: AnyIpam, ipams: tuple[str, ...], cluster: AnyCluster | None) -> Iterator[Fault]:
    if cluster is not None:
        yield from _clusters_own(plugin, cluster)
    if ipams and not isinstance(plugin, Static) and plugin.type not in ipams:
        deployed = (
            f"{ipams[0]} (multus:ipam)"
            if len(ipams) == 1
            else f"{' and '.join(ipams)} (multus:ipam and additionalIpam)"
        )
        yield Fault(
            ("ipam", "type"),
            f"the stack deploys {deployed}, so that is {', '.join(ipams)} or static. "
            f"To have {plugin.type} too, list it in multus:additionalIpam",
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


def _clusters_own(plugin: AnyIpam, cluster: AnyCluster) -> Iterator[Fault]:
    """What is the cluster's own is reached by the pod's first interface, or not at all."""
    taken = [
        *((("ipam", *pool.path), pool.cidr, str(pool)) for pool in plugin.pools),
        *(
            (("ipam", "routes", index, "dst"), route.dst, str(route.dst))
            for index, route in enumerate(getattr(plugin, "routes", ()))
        ),
    ]
    for path, cidr, written in taken:
        for own, correction in cluster.own_networks:
            if cidr.version == own.version and cidr.overlaps(own):
                yield Fault(
                    path,
                    f"it overlaps {own}, the cluster's own, which pods would no longer reach. "
                    f"Choose another; {correction}",
                    written,
                )
                break


def _shared_pools(networks: Sequence[AnyTyped]) -> Iterator[str]:
    """Whereabouts gives an address once in the cluster, whatever the wire.

    It names a pool after networkName and range, and with enableOverlappingRanges it keeps
    addresses of all pools with one networkName apart.
    """

    def pools(claim: Claim) -> Iterator[Hashable]:
        if plugin := claim.whereabouts:
            yield plugin.network_name, claim.pool.cidr
            if plugin.enable_overlapping_ranges:
                yield plugin.network_name

    told: set[int] = set()
    for first, second in meetings(claims(dict(enumerate(networks))), pools):
        one, two = {*wires(first.network)}, {*wires(second.network)}
        if second.index not in told and one and two and not one & two:
            told.add(second.index)
            yield (
                f"networks {first.network.key} and {second.network.key} are on different wires and "
                f"share addresses of {first.pool.cidr}: what one uses the other lacks. Give each a "
                "networkName of its own"
            )


def _bridges(networks: Sequence[AnyTyped]) -> Iterator[str]:
    """A bridge is made as the first pod on a node needs it, and stays so for the others."""
    by_name: dict[str, list[Bridge]] = {}
    for network in networks:
        if isinstance(network, Bridge):
            by_name.setdefault(network.bridge, []).append(network)
    for name, sharing in by_name.items():
        plain = next((one for one in sharing if not (one.vlan or one.vlan_trunk)), None)
        tagged = next((one for one in sharing if one.vlan or one.vlan_trunk), None)
        for key, said in (("mtu", "MTU"), ("promisc_mode", "promiscMode")):
            if len({getattr(one, key) for one in sharing}) > 1:
                yield (
                    f"networks {' and '.join(one.key for one in sharing)} share the bridge {name} "
                    f"and differ in {said}, which is the bridge's: the first pod on a node decides"
                )
        if plain and tagged:
            yield (
                f"networks {plain.key} and {tagged.key} share the bridge {name}, and only the "
                "latter has a VLAN: where a pod of the former comes first, the node's bridge is "
                f"made without VLAN filtering and keeps nothing apart. Give {plain.key} a vlan too"
            )


def _next_hops(network: AnyTyped) -> Iterator[str]:
    plugin = network.ipam
    if not isinstance(plugin, Whereabouts | Static):
        return
    gateways = (
        [plugin.gateway]
        if isinstance(plugin, Whereabouts)
        else [entry.gateway for entry in plugin.addresses]
    )
    families = {gateway.version for gateway in gateways if gateway is not None}
    for route in plugin.routes:
        if route.gw is None and route.dst.version not in families:
            yield (
                f"network {network.key} has no gateway for its route to {route.dst}: pods look for "
                "each of its addresses on their own wire. Give the route a gw if there is a router"
            )


def warnings(listed: Sequence[AnyNetwork]) -> Iterator[str]:
    """What works and will surprise, and what nobody has looked at."""
    placed = understood(dict(enumerate(listed)))
    networks = [*placed.values()]
    for raw in listed:
        if isinstance(raw, Raw) and (unchecked := raw.reading.unchecked):
            yield f"network {raw.key} is raw, and not checked are: {', '.join(unchecked)}"
    yield from _shared_pools(networks)
    yield from _bridges(networks)
    yield from devices.warnings(placed)
    for network in networks:
        yield from _next_hops(network)
        if reason := network.one_per_node:
            yield f"a node has room for one pod of network {network.key}: {reason}"
        if isinstance(network, Ipvlan) and isinstance(network.ipam, Dhcp):
            yield (
                f"pods of network {network.key} share the master's MAC address: the DHCP server "
                "must tell them apart by their client identifiers"
            )
        if isinstance(network.ipam, Whereabouts | HostLocal) and network.ipam.capacity == 1:
            yield (
                f"network {network.key} has one address: a rolling update hangs, because the new "
                "pod waits for the old one's. Use the strategy Recreate or a larger range"
            )
