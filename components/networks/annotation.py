"""A pod's annotation: which networks it joins, and what it asks of each.

Written and checked as Multus 4.3 reads it (`pkg/k8sclient/k8sclient.go`, `pkg/types/conf.go`). A
wish for an address or a MAC address reaches a plugin only by a capability of the network; without
one Multus drops it in silence.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from components.addresses import AddressField, InterfaceField, contains
from components.cluster import Cluster
from components.faults import ArgsError, Fault, FaultsError
from components.ipam import HostLocal
from components.model import Model
from components.networks.kinds import AnyNetwork, Bond, Network, Raw
from components.networks.kinds.devices import MAC
from components.networks.kinds.reading import entries
from components.networks.metadata import RESOURCE_NAME
from components.networks.names import InterfaceName

KEY: Final = "k8s.v1.cni.cncf.io/networks"
EXAMPLE_MAC: Final = "02:00:00:00:00:01"  # locally administered, as every made-up one must be
K3S_OWN: Final = ("10.42.0.0/16", "10.43.0.0/16")


def _mac(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(MAC, value):
        rule = f"a MAC address is six pairs of hex digits, like {EXAMPLE_MAC}"
        raise FaultsError([Fault((), rule, value)])
    if int(value[:2], 16) % 2 or not int(value.replace(":", ""), 16):
        rule = f"no interface can have it: it is a group's, or nobody's. Use one like {EXAMPLE_MAC}"
        raise FaultsError([Fault((), rule, value)])
    return value.lower()


class Selection(Model):
    """One network of a pod, and what the pod asks of it."""

    network: Network
    """The network, as the stack declares it."""
    interface: InterfaceName | None = None
    """Name of the interface in the pod; net1, net2, ... by its place where it is left out."""
    ips: tuple[InterfaceField, ...] = ()
    """Addresses that the pod wants, with their prefix; the network needs the capability ips."""
    mac: Annotated[str, BeforeValidator(_mac), WithJsonSchema({"type": "string"})] | None = None
    """MAC address that the pod wants; the network needs the capability mac."""
    default_route: tuple[AddressField, ...] = ()
    """Gateways that take the pod's default route, at most one of each family."""

    def faults(self) -> Iterator[Fault]:
        for key, wish in (("ips", self.ips), ("mac", self.mac)):
            if wish and key not in _capabilities(self.network):
                yield Fault(
                    (key,),
                    f"does nothing: network {self.network.key} has not the capability. Add "
                    f"capabilities: [{key}] to it",
                )
        yield from self._ip_faults()
        yield from self._route_faults()

    def _ip_faults(self) -> Iterator[Fault]:
        plugin = self.network.ipam
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

    def _route_faults(self) -> Iterator[Fault]:
        plugin = self.network.ipam
        onlink = [wanted.network for wanted in self.ips]
        if plugin is not None:
            onlink += [pool.cidr for pool in plugin.pools]
        elif self.default_route and not isinstance(self.network, Raw):
            rule = f"network {self.network.key} gives no addresses, so nothing can leave by it"
            yield Fault(("defaultRoute",), rule)
            return
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
    warnings: tuple[str, ...]
    """What works and will surprise, one sentence each."""

    @property
    def annotations(self) -> dict[str, str]:
        """For the pod's metadata."""
        return {KEY: self.value}


def pod_annotation(
    selections: Sequence[Selection],
    cluster: Cluster | None = None,
    networks: Sequence[AnyNetwork] | None = None,
) -> PodAnnotation:
    """The annotation of a pod that joins the networks in that order; raises ArgsError.

    cluster: the one that the pod runs on, for warnings; K3s's own ranges where it is left out.
    networks: all that are deployed there; not checked where it is left out.
    """
    faults = [*_foreign(selections, networks), *_faults(selections)]
    if faults:
        raise ArgsError("pod_annotation", [fault.under("selections") for fault in faults])
    resources = Counter(
        name
        for one in selections
        if (name := {**one.network.annotations, **one.network.own_annotations}.get(RESOURCE_NAME))
    )
    return PodAnnotation(
        json.dumps([one.element() for one in selections]),
        dict(resources),
        tuple(_warnings(selections, cluster)),
    )


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
    families: dict[int, int] = {}
    for index, one in enumerate(selections):
        name = _interface(index, one)
        if (other := names.get(name)) is not None:
            whose = f"selections[{other}] has it" if other >= 0 else "the pod itself has it"
            yield Fault((index, "interface"), f"{whose}. Choose another", name)
        bond = one.network.network if isinstance(one.network, Raw) else one.network
        if isinstance(bond, Bond) and bond.links_in_container:
            for link in bond.links:
                if names.get(link.name, -1) < 0:
                    rule = (
                        f"makes a bond of {link.name}, which no network before it makes. Name "
                        "those of its links first"
                    )
                    yield Fault((index, "network"), rule)
        names.setdefault(name, index)
        for gateway in one.default_route:
            other = families.setdefault(gateway.version, index)
            if other != index:
                rule = f"selections[{other}] takes IPv{gateway.version}'s already. Leave one out"
                yield Fault((index, "defaultRoute"), rule, str(gateway))


def _interface(index: int, one: Selection) -> str:
    return one.interface or f"net{index + 1}"


def _warnings(selections: Sequence[Selection], cluster: Cluster | None) -> Iterator[str]:
    """A default route takes the way to services with it (multus-cni#584, #1393)."""
    own = [str(cidr) for cidr, _ in cluster.own_networks] if cluster else [*K3S_OWN]
    for index, one in enumerate(selections):
        if one.default_route:
            yield (
                f"the default route by {_interface(index, one)} takes pods' way to the cluster "
                f"({', '.join(own)}) from eth0, and DNS with it. Give the pod routes to these by "
                "eth0's gateway, say in an init container with NET_ADMIN"
            )
    taken = {gateway.version for one in selections for gateway in one.default_route}
    there = {cidr.version for cidr in cluster.cluster_cidr} if cluster else {4}
    if taken and (lost := there - taken):
        yield (
            f"with a default route of another family eth0 loses its own of IPv{lost.pop()} too: "
            "Multus removes both (DeleteDefaultGW in netutils.go)"
        )


def example(network: AnyNetwork) -> dict[str, str] | None:
    """An annotation with every wish that the network serves, None where it serves none."""
    if isinstance(network, Raw) or not network.capabilities:
        return None
    wishes: dict[str, Any] = {}
    if "ips" in network.capabilities and network.ipam is not None:
        # Of host-local's subnets a pod has an address of one in each inner list.
        firsts = {pool.path[:2]: pool for pool in reversed(network.ipam.pools)}
        wishes["ips"] = tuple(
            f"{pool.spans[0].first}/{pool.cidr.prefixlen}" for pool in reversed(firsts.values())
        )
    if "mac" in network.capabilities:
        wishes["mac"] = EXAMPLE_MAC
    return pod_annotation([Selection(network=network, **wishes)]).annotations
