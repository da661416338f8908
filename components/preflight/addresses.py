"""Addresses: what networks hand out or route to, against what the cluster really has.

That networks keep clear of `clusterCidr` and `serviceCidr` is checked without a cluster. Here it
is whether these are the cluster's, and whether a network hands out a node's own address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import TypeVar

from components.addresses import Address, Cidr, contains
from components.args import MultusArgs
from components.networks import AnyNetwork
from components.networks.across import understood
from components.networks.wires import claims
from components.preflight.live import Finding, Json, Live, name_of, refuse, some

T = TypeVar("T")


def pods(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """The nodes' pod networks against `clusterCidr`."""
    stated = args.cluster.cluster_cidr
    outside = {
        cidr: name_of(node)
        for node in live.nodes
        for cidr in pod_cidrs(node)
        if not any(_inside(cidr, own) for own in stated)
    }
    if not outside:
        return
    shown = some(f"{cidr} of {name}" for cidr, name in outside.items())
    yield refuse(
        f"pods have addresses outside multus:cluster.clusterCidr ({_all(stated)}): {shown}. "
        "Set it to the --cluster-cidr that the cluster runs with"
    )
    for network in args.networks:
        for cidr in _taken(network):
            hit = next((one for one in outside if _overlap(one, cidr)), None)
            if hit is not None:
                yield refuse(
                    f"network {network.key} has {cidr}, which overlaps {hit}, the pods of "
                    f"{outside[hit]}: they would no longer be reached. Choose another"
                )
                break


def services(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """The API server's own Service, which has the first address of the services' network."""
    spec = (live.found.get("service") or {}).get("spec") or {}
    given = spec.get("clusterIPs") or [spec.get("clusterIP")]
    stated = args.cluster.service_cidr
    outside = [
        address
        for address in (ip_address(text) for text in given if text and text != "None")
        if not any(contains(own, address) for own in stated)
    ]
    if not outside:
        return
    yield refuse(
        f"the Service kubernetes has {_all(outside)}, outside multus:cluster.serviceCidr "
        f"({_all(stated)}). Set it to the --service-cidr that the cluster runs with"
    )
    for network in args.networks:
        for cidr in _taken(network):
            if any(contains(cidr, address) for address in outside):
                yield refuse(
                    f"network {network.key} has {cidr}, in which the Service kubernetes is "
                    f"({_all(outside)}): pods would no longer reach services. Choose another"
                )
                break


def nodes(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """Addresses of nodes that a network would give to a pod.

    A network may well be the nodes' own, as on a wire that they share; only their addresses may
    not be in it.
    """
    own = [(address, name_of(node)) for node in live.nodes for address in addresses(node)]
    for claim in claims(understood(dict(enumerate(args.networks)))):
        hits = [f"{address} of {name}" for address, name in own if address in claim.span]
        if hits:
            yield refuse(
                f"network {claim.network.key} hands out {claim.span}, and in it are the nodes' "
                f"own addresses {some(hits)}: whoever comes second is not reached. Leave them out, "
                "by rangeStart and rangeEnd or by exclude"
            )


def pod_cidrs(node: Json) -> list[Cidr]:
    spec = node.get("spec") or {}
    given = spec.get("podCIDRs") or [spec.get("podCIDR")]
    found = [_parsed(ip_network, text) for text in given if text]
    return [cidr for cidr in found if cidr is not None]


def addresses(node: Json) -> list[Address]:
    """The addresses that the node registered, which other kinds (Hostname) are not."""
    given = [
        _parsed(ip_address, one["address"])
        for one in node["status"].get("addresses") or ()
        if one["type"] in ("InternalIP", "ExternalIP")
    ]
    return [address for address in given if address is not None]


def _parsed(kind: Callable[[str], T], text: str) -> T | None:
    """None for what some cloud's controller wrote there instead, such as a host name."""
    try:
        return kind(text)
    except ValueError:
        return None


def _taken(network: AnyNetwork) -> list[Cidr]:
    """What the pods look for on the network's interface: its ranges and its routes."""
    plugin = network.ipam
    if plugin is None:
        return []
    routes = [route.dst for route in getattr(plugin, "routes", ())]
    return [*(pool.cidr for pool in plugin.pools), *routes]


def _overlap(one: Cidr, other: Cidr) -> bool:
    return one.version == other.version and one.overlaps(other)


def _inside(inner: Cidr, outer: Cidr) -> bool:
    return contains(outer, inner.network_address) and inner.prefixlen >= outer.prefixlen


def _all(values: Iterable[Cidr | Address]) -> str:
    return ", ".join(str(value) for value in values)
