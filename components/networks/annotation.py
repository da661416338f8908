"""A pod's annotation: which networks it joins, and what it asks of each.

Written and checked as Multus 4.3 reads it (`pkg/k8sclient/k8sclient.go`, `pkg/types/conf.go`). A
wish for an address or a MAC address is meant for networks with the capability, and nothing keeps
it from the others: Multus also hands it to every plugin by CNI_ARGS (`DelegateAdd` in multus.go).
A capability says what a network is made for; it guards nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..addresses import AddressField, InterfaceField, contains, versions_of
from ..cluster import Cluster
from ..fields import InterfaceName, MacAddress
from ..findings import ArgsError, Finding
from ..ipam import HostLocal, Ipam, Static
from ..model import Model
from . import AnyNetwork, Network
from .base import RESOURCE_NAME
from .bond import Bond

KEY: Final = "k8s.v1.cni.cncf.io/networks"
EXAMPLE_ADDRESS: Final = "192.0.2.10/24"  # RFC 5737
USUAL_MTU: Final = 1500


class Selection(Model):
    """One network of a pod, and what the pod asks of it."""

    network: AnyNetwork
    """The network, as the stack declares it."""
    interface: InterfaceName | None = None
    """Name of the interface in the pod; net1, net2, ... by its place where it is left out."""
    ips: tuple[InterfaceField, ...] = ()
    """Addresses that the pod wants, with their prefix."""
    mac: MacAddress | None = None
    """MAC address that the pod wants."""
    default_route: tuple[AddressField, ...] = ()
    """Gateways of the pod's default routes, at most one of each family, and none of a family that
    the cluster has: there eth0's stays."""

    @property
    def ipam(self) -> Ipam | None:
        found: Ipam | None = getattr(self.network, "ipam", None)
        return found

    def incomplete(self) -> Iterator[Finding]:
        name = self.network.key
        for key, wish in (("ips", self.ips), ("mac", self.mac)):
            typed = self.network.typed
            if wish and typed is not None and key not in typed.capabilities and not self._brought:
                message = f"is not what network {name} is made for. Add capabilities: [{key}] to it"
                yield Finding((key,), message)
        if not self.ips and self._brought:
            yield Finding(
                ("ips",), f"is missing: network {name} has none for a pod without its own"
            )
        yield from self._addresses()
        yield from self._default_routes()

    @property
    def _brought(self) -> bool:
        """Whether the network has no address but those that pods bring."""
        return isinstance(self.ipam, Static) and not self.ipam.addresses

    def _addresses(self) -> Iterator[Finding]:
        for index, wanted in enumerate(self.ips):
            pools = self.ipam.pools if isinstance(self.ipam, HostLocal) else ()
            if self.ips.index(wanted) != index:
                yield Finding(("ips", index), "stands there twice. Remove one", str(wanted))
            elif pools and not any(pool.hands_out(wanted.ip) for pool in pools):
                given = ", ".join(pool.span for pool in pools)
                message = f"network {self.network.key} hands out {given} without its gateway"
                yield Finding(("ips", index), message, str(wanted))
            elif pools and index:
                message = (
                    "host-local takes one: Multus hands it several as one text, and no pod starts "
                    "(multus-cni#647). Leave it out"
                )
                yield Finding(("ips", index), message, str(wanted))

    def _default_routes(self) -> Iterator[Finding]:
        onlink = [wanted.network for wanted in self.ips]
        onlink += [pool.cidr for pool in self.ipam.pools] if self.ipam is not None else []
        typed = self.network.typed
        if self.default_route and typed is not None and typed.ipam is None:
            message = f"network {self.network.key} gives no addresses, so nothing can leave by it"
            yield Finding(("defaultRoute",), message)
            return
        if self.default_route and "sbr" in self.network.plugins:
            message = (
                f"network {self.network.key} has sbr, which has moved the way to the gateway to a "
                "table of its own before Multus looks for it. Leave one of the two out"
            )
            yield Finding(("defaultRoute",), message)
        for index, gateway in enumerate(self.default_route):
            path = ("defaultRoute", index)
            if any(gateway.version == one.version for one in self.default_route[:index]):
                message = f"Multus takes one of IPv{gateway.version}. Remove it"
                yield Finding(path, message, str(gateway))
            elif onlink and not any(contains(cidr, gateway) for cidr in onlink):
                known = ", ".join(str(cidr) for cidr in dict.fromkeys(onlink))
                message = f"the pod cannot reach it: it is outside {known}"
                yield Finding(path, message, str(gateway))
            elif any(wanted.ip == gateway for wanted in self.ips):
                yield Finding(path, "that is the pod's own address", str(gateway))

    def element(self) -> dict[str, Any]:
        """The network's part of the annotation."""
        found = {
            "name": self.network.name,
            "namespace": self.network.namespace,
            "interface": self.interface,
            "ips": [str(wanted) for wanted in self.ips],
            "mac": self.mac,
            "default-route": [str(gateway) for gateway in self.default_route],
        }
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True)
class PodAnnotation:
    """What a pod needs to join its networks."""

    value: str
    """The annotation's value: JSON on one line."""
    resources: Mapping[str, int]
    """What a container must request of device plugins, by resource name."""
    node_selector: Mapping[str, str]
    """What the pod's spec must have as nodeSelector, so that its node has all of the networks."""

    @property
    def annotations(self) -> dict[str, str]:
        """For the pod's metadata."""
        return {KEY: self.value}


def pod_annotation(
    selections: Sequence[Selection],
    cluster: Cluster | None = None,
    networks: Sequence[Network] | None = None,
) -> PodAnnotation:
    """The annotation of a pod that joins the networks in that order; raises ArgsError.

    cluster: the one that the pod runs on; one of IPv4 alone where it is left out.
    networks: all that are deployed there; not checked where it is left out.
    """
    if not isinstance(selections, Sequence) or {*map(type, selections)} - {Selection}:
        message = "is no list of Selection. Write [Selection(network=lan)]"
        raise ArgsError("pod_annotation", [Finding(("selections",), message)])
    if not isinstance(cluster, Cluster | None):
        message = "is no cluster. Give the one of the component's arguments, such as K3s(...)"
        raise ArgsError("pod_annotation", [Finding(("cluster",), message)])
    families = versions_of(cluster.cluster_cidr) if cluster else {4}
    found = [*_joined(selections, networks), *_default_routes(selections, families)]
    if found:
        raise ArgsError("pod_annotation", [one.under("selections") for one in found])
    resources = Counter(name for one in selections if (name := resource(one.network)))
    nodes = {key: value for one in selections for key, value in one.network.nodes.items()}
    return PodAnnotation(json.dumps([one.element() for one in selections]), dict(resources), nodes)


def resource(network: Network) -> str | None:
    """The device plugin's resource that a pod of the network must request."""
    return {**network.annotations, **network.own_annotations}.get(RESOURCE_NAME)


def _joined(
    selections: Sequence[Selection], networks: Sequence[Network] | None
) -> Iterator[Finding]:
    if not selections:
        yield Finding((), "is empty: a pod without networks needs no annotation")
    names: dict[str, int] = {"eth0": -1, "lo": -1}
    keys: dict[str, int] = {}
    for index, one in enumerate(selections):
        path = (index, "network")
        if networks is not None and one.network not in networks:
            message = "that is not one of the deployed networks. Select one as it is in MultusArgs"
            yield Finding(path, message, one.network.key)
        name = one.interface or f"net{index + 1}"
        if (other := names.get(name)) is not None:
            whose = f"selections[{other}] has it" if other >= 0 else "the pod itself has it"
            yield Finding((index, "interface"), f"{whose}. Choose another", name)
        for link in links(one.network):
            if names.get(link, -1) < 0:
                message = (
                    f"makes a bond of {link}, which no network before it makes. Name those of its "
                    "links first"
                )
                yield Finding(path, message)
            elif message := _narrow(selections[names[link]].network, one.network, link):
                yield Finding(path, message)
        for earlier in selections[:index]:
            if one.network.apart_from(earlier.network):
                message = f"no node has both it and network {earlier.network.key}, by their nodes"
                yield Finding(path, message, one.network.key)
        names.setdefault(name, index)
        other = keys.setdefault(one.network.key, index)
        if other != index and (reason := _once(one.network)):
            yield Finding(path, f"selections[{other}] has it, and {reason}")


def _narrow(network: Network, bond: Network, name: str) -> str:
    """Why a link's MTU is too small (`ValidateMTU` in bond-cni's bond/util/validation.go).

    Where a link's is left out it is its master's, which only the node knows.
    """
    typed = network.typed
    inner = typed.tuning.mtu if typed is not None and typed.tuning is not None else None
    mtu = getattr(typed, "mtu", None) or inner
    wanted = getattr(bond.typed, "mtu", None) or USUAL_MTU
    if mtu is None or mtu >= wanted:
        return ""
    return (
        f"is a bond with the MTU {wanted}, and its link {name} is of network {network.key} with "
        f"{mtu}: no pod would start. Set the bond's mtu to {mtu}"
    )


def _once(network: Network) -> str | None:
    """Why a pod cannot have the network twice, None if it can."""
    typed = network.typed
    if typed is None:
        return None
    if typed.bandwidth is not None and typed.bandwidth.egress_rate is not None:
        return "bandwidth limits what a pod sends by one device for each pod and network"
    return typed.one_per_node


def _default_routes(selections: Sequence[Selection], cluster: set[int]) -> Iterator[Finding]:
    """Multus looks in vain for the route to replace (`DeleteDefaultGW` in netutils.go).

    Its library says 0.0.0.0/0 where it expects nothing, in all versions that the known charts have
    (4.2.4 to 4.3.0). To the kernel the new route then exists, which Multus takes for success.
    """
    families: dict[int, int] = {}
    for index, one in enumerate(selections):
        for place, gateway in enumerate(one.default_route):
            path = (index, "defaultRoute", place)
            other = families.setdefault(gateway.version, index)
            if other != index:
                message = f"selections[{other}] takes IPv{gateway.version}'s already. Leave one out"
                yield Finding(path, message, str(gateway))
            elif gateway.version in cluster:
                message = (
                    f"Multus leaves eth0's default route of IPv{gateway.version} and drops this "
                    "one in silence (multus-cni#1552). Give the network's ipam routes to what the "
                    "pod is to reach by it"
                )
                yield Finding(path, message, str(gateway))


def links(network: Network) -> tuple[str, ...]:
    """Interfaces in the pod that networks before it in the annotation must make."""
    bond = network.typed
    if not isinstance(bond, Bond) or not bond.links_in_container:
        return ()
    return tuple(link.name for link in bond.links)
