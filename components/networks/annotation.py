"""A pod's annotation: which networks it joins, and what it asks of each.

Written and checked as Multus 4.3 reads it (`pkg/k8sclient/k8sclient.go`, `pkg/types/conf.go`).

A wish for an address or a MAC address is meant for networks with the capability, and nothing keeps
it from the others: Multus also hands it to every plugin by CNI_ARGS (`DelegateAdd` in multus.go).
macvlan, bridge and host-local take it from there too, and Whereabouts and static give the address
beside their own, without a look at who has it. So a capability says what a network is made for; it
guards nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.addresses import AddressField, InterfaceField, contains
from components.cluster import AnyCluster
from components.faults import ArgsError, Fault
from components.ipam import HostLocal, Static
from components.model import Model
from components.networks.common import USUAL_MTU
from components.networks.kinds import AnyNetwork, Bond, Network, Raw, as_typed
from components.networks.kinds.reading import entries
from components.networks.mac import EXAMPLE_MAC, MacAddress
from components.networks.metadata import RESOURCE_NAME
from components.networks.names import InterfaceName

KEY: Final = "k8s.v1.cni.cncf.io/networks"
EXAMPLE_ADDRESS: Final = "192.0.2.10/24"  # RFC 5737


class Selection(Model):
    """One network of a pod, and what the pod asks of it."""

    network: Network
    """The network, as the stack declares it."""
    interface: InterfaceName | None = None
    """Name of the interface in the pod; net1, net2, ... by its place where it is left out."""
    ips: tuple[InterfaceField, ...] = ()
    """Addresses that the pod wants, with their prefix; the network needs the capability ips."""
    mac: MacAddress | None = None
    """MAC address that the pod wants; the network needs the capability mac."""
    default_route: tuple[AddressField, ...] = ()
    """Gateways of the pod's default routes, at most one of each family, and none of a family that
    the cluster has: there eth0's stays."""

    def faults(self) -> Iterator[Fault]:
        for key, wish in (("ips", self.ips), ("mac", self.mac)):
            if wish and key not in _capabilities(self.network):
                yield Fault(
                    (key,),
                    f"is not what network {self.network.key} is made for, and some plugins take it "
                    f"while others do not. Add capabilities: [{key}] to it",
                )
        yield from self._ip_faults()
        yield from self._route_faults()

    def _ip_faults(self) -> Iterator[Fault]:
        plugin = self.network.ipam
        if not self.ips and _chosen(self.network):
            rule = f"is missing: network {self.network.key} has none for a pod that names none"
            yield Fault(("ips",), rule, absence=True)
        for index, wanted in enumerate(self.ips):
            if self.ips.index(wanted) != index:
                yield Fault(("ips", index), "stands there twice. Remove one", str(wanted))
            elif isinstance(plugin, HostLocal) and not any(
                wanted.ip in span for pool in plugin.pools for span in pool.spans
            ):
                given = ", ".join(str(span) for pool in plugin.pools for span in pool.spans)
                yield Fault(
                    ("ips", index), f"network {self.network.key} hands out {given}", str(wanted)
                )
            elif isinstance(plugin, HostLocal) and index:
                rule = (
                    "host-local takes one: Multus hands it several as one text, and no pod starts "
                    "(multus-cni#647). Leave it out"
                )
                yield Fault(("ips", index), rule, str(wanted))

    def _route_faults(self) -> Iterator[Fault]:
        plugin = self.network.ipam
        onlink = [wanted.network for wanted in self.ips]
        if plugin is not None:
            onlink += [pool.cidr for pool in plugin.pools]
        elif self.default_route and not isinstance(self.network, Raw):
            rule = f"network {self.network.key} gives no addresses, so nothing can leave by it"
            yield Fault(("defaultRoute",), rule)
            return
        if self.default_route and "sbr" in self.network.plugins:
            rule = (
                f"network {self.network.key} has sbr, which has moved the way to the gateway to a "
                "table of its own before Multus looks for it. Leave one of the two out"
            )
            yield Fault(("defaultRoute",), rule)
        for index, gateway in enumerate(self.default_route):
            path = ("defaultRoute", index)
            if any(gateway.version == one.version for one in self.default_route[:index]):
                rule = f"Multus takes one of IPv{gateway.version}. Remove it"
                yield Fault(path, rule, str(gateway))
            elif onlink and not any(contains(cidr, gateway) for cidr in onlink):
                known = ", ".join(str(cidr) for cidr in dict.fromkeys(onlink))
                yield Fault(path, f"the pod cannot reach it: it is outside {known}", str(gateway))
            elif any(wanted.ip == gateway for wanted in self.ips):
                yield Fault(path, "that is the pod's own address", str(gateway))

    def element(self) -> dict[str, Any]:
        """The network's part of the annotation."""
        body: dict[str, Any] = {"name": self.network.name, "namespace": self.network.namespace}
        if self.interface is not None:
            body["interface"] = self.interface
        if self.ips:
            body["ips"] = [str(wanted) for wanted in self.ips]
        if self.mac is not None:
            body["mac"] = self.mac
        if self.default_route:
            body["default-route"] = [str(gateway) for gateway in self.default_route]
        return body


def _capabilities(network: AnyNetwork) -> tuple[str, ...]:
    if not isinstance(network, Raw):
        return network.capabilities
    found = [one.get("capabilities") or {} for _, one in entries(network.config)]
    return tuple(key for one in found for key, on in one.items() if on)


@dataclass(frozen=True)
class PodAnnotation:
    """What a pod needs to join its networks."""

    value: str
    """The annotation's value: JSON on one line."""
    resources: Mapping[str, int]
    """What a container must request of device plugins, by resource name."""

    @property
    def annotations(self) -> dict[str, str]:
        """For the pod's metadata."""
        return {KEY: self.value}


def pod_annotation(
    selections: Sequence[Selection],
    cluster: AnyCluster | None = None,
    networks: Sequence[AnyNetwork] | None = None,
) -> PodAnnotation:
    """The annotation of a pod that joins the networks in that order; raises ArgsError.

    cluster: the one that the pod runs on; one of IPv4 alone where it is left out.
    networks: all that are deployed there; not checked where it is left out.
    """
    if isinstance(selections, Model) or not all(isinstance(one, Selection) for one in selections):
        rule = "is no list of Selection. Write [Selection(network=lan)]"
        raise ArgsError("pod_annotation", [Fault(("selections",), rule)])
    if not isinstance(cluster, AnyCluster | None):
        rule = "is no cluster. Give the one of the component's arguments, such as K3s(...)"
        raise ArgsError("pod_annotation", [Fault(("cluster",), rule)])
    families: set[int] = {cidr.version for cidr in cluster.cluster_cidr} if cluster else {4}
    faults = [
        *_foreign(selections, networks),
        *_faults(selections),
        *_default_routes(selections, families),
    ]
    if faults:
        raise ArgsError("pod_annotation", [fault.under("selections") for fault in faults])
    resources = Counter(
        name
        for one in selections
        if (name := {**one.network.annotations, **one.network.own_annotations}.get(RESOURCE_NAME))
    )
    return PodAnnotation(json.dumps([one.element() for one in selections]), dict(resources))


def _foreign(
    selections: Sequence[Selection], networks: Sequence[AnyNetwork] | None
) -> Iterator[Fault]:
    """Networks that nobody deploys, also of the right name and otherwise different."""
    for index, one in enumerate(selections):
        if networks is not None and one.network not in networks:
            rule = "that is not one of the deployed networks. Select one as it is in MultusArgs"
            yield Fault((index, "network"), rule, one.network.key)


def _faults(selections: Sequence[Selection]) -> Iterator[Fault]:
    if not selections:
        yield Fault((), "is empty: a pod without networks needs no annotation")
    names: dict[str, int] = {"eth0": -1, "lo": -1}
    networks: dict[str, int] = {}
    for index, one in enumerate(selections):
        name = _interface(index, one)
        if (other := names.get(name)) is not None:
            whose = f"selections[{other}] has it" if other >= 0 else "the pod itself has it"
            yield Fault((index, "interface"), f"{whose}. Choose another", name)
        bond = as_typed(one.network)
        if isinstance(bond, Bond) and bond.links_in_container:
            for link in bond.links:
                if names.get(link.name, -1) < 0:
                    rule = (
                        f"makes a bond of {link.name}, which no network before it makes. Name "
                        "those of its links first"
                    )
                    yield Fault((index, "network"), rule)
                else:
                    yield from _link(selections[names[link.name]].network, bond, link.name, index)
        names.setdefault(name, index)
        other = networks.setdefault(one.network.key, index)
        if other != index and (reason := _once(one.network)):
            yield Fault((index, "network"), f"selections[{other}] has it, and {reason}")


def _link(network: AnyNetwork, bond: Bond, name: str, index: int) -> Iterator[Fault]:
    """`ValidateMTU` in bond-cni's bond/util/validation.go: no link's may be less than the bond's.

    Where a link's is left out it is its master's, which only the node knows.
    """
    typed = as_typed(network)
    inner = typed.tuning.mtu if typed is not None and typed.tuning is not None else None
    mtu = (typed.mtu if typed is not None else None) or inner
    if mtu is not None and mtu < (wanted := bond.mtu or USUAL_MTU):
        rule = (
            f"is a bond with the MTU {wanted}, and its link {name} is of network {network.key} "
            f"with {mtu}: no pod would start. Set the bond's mtu to {mtu}"
        )
        yield Fault((index, "network"), rule)


def _once(network: AnyNetwork) -> str | None:
    """Why a pod cannot have the network twice, None if it can."""
    typed = as_typed(network)
    if typed is None:
        return None
    if typed.bandwidth is not None and typed.bandwidth.egress_rate is not None:
        return "bandwidth limits what a pod sends by one device for each pod and network"
    return typed.one_per_node


def _default_routes(selections: Sequence[Selection], cluster: set[int]) -> Iterator[Fault]:
    """Multus looks in vain for the route to replace (`DeleteDefaultGW` in netutils.go).

    Its library says 0.0.0.0/0 where it expects nothing, in all versions that the known charts have
    (4.2.4 to 4.3.0). To the kernel the new route then exists, which Multus takes for success.
    """
    families: dict[int, int] = {}
    for index, one in enumerate(selections):
        for place, gateway in enumerate(one.default_route):
            other = families.setdefault(gateway.version, index)
            path = (index, "defaultRoute", place)
            if other != index:
                rule = f"selections[{other}] takes IPv{gateway.version}'s already. Leave one out"
                yield Fault(path, rule, str(gateway))
            elif gateway.version in cluster:
                rule = (
                    f"Multus leaves eth0's default route of IPv{gateway.version} and drops this "
                    "one in silence (multus-cni#1552). Give the network's ipam routes to what the "
                    "pod is to reach by it"
                )
                yield Fault(path, rule, str(gateway))


def _interface(index: int, one: Selection) -> str:
    return one.interface or f"net{index + 1}"


def plain(network: AnyNetwork) -> dict[str, str] | None:
    """The annotation of a pod that asks for nothing, None where it must say more."""
    return None if _chosen(network) or links(network) else {KEY: network.key}


def links(network: AnyNetwork) -> tuple[str, ...]:
    """Interfaces in the pod that networks before it in the annotation must make."""
    bond = as_typed(network)
    if not isinstance(bond, Bond) or not bond.links_in_container:
        return ()
    return tuple(link.name for link in bond.links)


def _chosen(network: AnyNetwork) -> bool:
    """Whether it has no address but those that pods ask for."""
    plugin = typed.ipam if (typed := as_typed(network)) else None
    return isinstance(plugin, Static) and not plugin.addresses


def example(network: AnyNetwork) -> dict[str, str] | None:
    """An annotation with every wish that the network serves, None where it serves none."""
    typed = as_typed(network)
    if typed is None or not typed.capabilities or links(network):
        return None
    wishes: dict[str, Any] = {}
    if "ips" in typed.capabilities and typed.ipam is not None:
        # host-local takes one address, whatever it has to hand out.
        pools = typed.ipam.pools[: 1 if isinstance(typed.ipam, HostLocal) else None]
        known = (f"{pool.spans[0].first}/{pool.cidr.prefixlen}" for pool in pools)
        wishes["ips"] = (*known,) or (EXAMPLE_ADDRESS,)
    if "mac" in typed.capabilities:
        wishes["mac"] = EXAMPLE_MAC
    return pod_annotation([Selection(network=network, **wishes)]).annotations
