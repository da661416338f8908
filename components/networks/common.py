"""What every kind of network has, and what every typed kind has beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, assert_never

from pydantic import Field

from components.faults import Fault
from components.ipam import AnyIpam, Dhcp, HostLocal, Ipam, Static, Whereabouts
from components.model import Model
from components.networks.chained import (
    Bandwidth,
    Sbr,
    Tuning,
    bandwidth_faults,
    render_bandwidth,
    render_tuning,
    sbr_faults,
    sysctl_faults,
)
from components.networks.metadata import Annotations, Labels
from components.networks.names import Name

SMALLEST_IPV6_MTU: Final = 1280  # RFC 8200, section 5
USUAL_MTU: Final = 1500  # the kernel's, of a cable between pod and node

# The CNI version of the networks: with 1.0.0 every plugin of the chart works, and nothing that is
# newer is used.
CNI_VERSION: Final = "1.0.0"

Mtu = Annotated[int, Field(ge=68, le=65535)]
Capability = Literal["ips", "mac"]


class NetworkBase(Model):
    """The fields of every network."""

    name: Name
    """Name of the NetworkAttachmentDefinition."""
    namespace: Name = "default"
    """Its namespace."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the NetworkAttachmentDefinition."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the NetworkAttachmentDefinition."""

    def faults(self) -> Iterator[Fault]:
        """What is wrong across the fields; kinds add to it."""
        for key in self.own_annotations:
            if key in self.annotations:
                yield Fault(
                    ("annotations", key),
                    "the program sets it, from resourceName. Remove it here",
                    self.annotations[key],
                )

    @property
    def own_annotations(self) -> Mapping[str, str]:
        """Annotations that the program sets itself."""
        return {}

    @property
    def key(self) -> str:
        """`namespace/name`: what a pod's annotation says."""
        return f"{self.namespace}/{self.name}"

    @property
    def cni_name(self) -> str:
        """The CNI network's name, under which host-local keeps its state on a node.

        Of its own for each network: no namespace has a dot in its name.
        """
        return f"{self.namespace}.{self.name}"


class TypedNetwork(NetworkBase, ABC):
    """The fields of every network that is described by a type's own fields."""

    # Who sets a MAC address that a pod asks for: the kind's plugin, tuning behind it, or nobody.
    mac_by: ClassVar[Literal["plugin", "tuning"] | None] = "tuning"
    # Whether the pod's interface is an end of a cable (veth) to the node, which bandwidth needs.
    veth: ClassVar[bool] = False
    # Whether the plugin sets the MTU.
    sets_mtu: ClassVar[bool] = True

    mtu: Mtu | None = None
    """MTU of the pod's interface; the master's or the kernel's where it is left out."""
    ipam: Ipam | None = None
    """Where addresses come from; left out for a network on layer 2 only."""
    capabilities: tuple[Capability, ...] = ()
    """What a pod may choose in its annotation: ips, mac."""
    tuning: Tuning | None = None
    """Settings of the pod's interface by the plugin tuning."""
    sbr: Sbr | None = None
    """Source based routing by the plugin sbr; write {}."""
    bandwidth: Bandwidth | None = None
    """Limits by the plugin bandwidth; for bridges."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        yield from self._mtu_faults()
        yield from self._capability_faults()
        if self.tuning is not None:
            yield from sysctl_faults(self.tuning, self.ipam)
        if isinstance(self.ipam, Static):
            chosen = "ips" in self.capabilities
            yield from (fault.under("ipam") for fault in self.ipam.network_faults(chosen=chosen))
        if self.sbr is not None:
            yield from sbr_faults(self.ipam, chosen="ips" in self.capabilities)
        if self.bandwidth is not None and not self.veth:
            yield Fault(
                ("bandwidth",),
                f"shapes the cable between pod and node, and {self.kind} has none: no pod "
                "would start. Use type bridge, or limit it on the network",
            )
        elif self.bandwidth is not None:
            yield from bandwidth_faults(self.bandwidth, self.mtu or USUAL_MTU)

    def _mtu_faults(self) -> Iterator[Fault]:
        inner = self.tuning.mtu if self.tuning is not None else None
        if self.mtu is not None and not self.sets_mtu:
            yield Fault(("mtu",), f"{self.kind} sets none. Use tuning.mtu", self.mtu)
        if inner is not None and self.sets_mtu:
            yield Fault(("tuning", "mtu"), f"{self.kind} sets it itself. Use mtu", inner)
        six = self.ipam is not None and any(pool.cidr.version == 6 for pool in self.ipam.pools)
        for path, mtu in ((("mtu",), self.mtu), (("tuning", "mtu"), inner)):
            if six and mtu is not None and mtu < SMALLEST_IPV6_MTU:
                yield Fault(path, f"IPv6 needs at least {SMALLEST_IPV6_MTU} (RFC 8200)", mtu)

    def _capability_faults(self) -> Iterator[Fault]:
        for index, capability in enumerate(self.capabilities):
            if (first := self.capabilities.index(capability)) != index:
                yield Fault(
                    ("capabilities", index), f"capabilities[{first}] is that already", capability
                )
            elif reason := (_no_ips(self.ipam) if capability == "ips" else self._no_mac()):
                yield Fault(("capabilities", index), reason, capability, absence=True)

    def _no_mac(self) -> str | None:
        if self.mac_by is None:
            return f"pods of {self.kind} share the master's MAC address. Remove it"
        return None

    @property
    def kind(self) -> str:
        return str(getattr(self, "type", ""))

    @property
    def one_per_node(self) -> str | None:
        """Why a node has room for one pod of the network only, if it has not for more."""
        return None

    @property
    @abstractmethod
    def segment(self) -> str:
        """The device, or what else stands for the wire, in words that the user wrote."""

    @property
    def chain(self) -> tuple[dict[str, Any], ...]:
        """CNI JSON of the plugins behind the kind's own, in their order."""
        mac = "mac" in self.capabilities and self.mac_by == "tuning"
        found = []
        if self.tuning is not None or mac:
            found.append(render_tuning(self.tuning, mac=mac))
        if self.bandwidth is not None:
            found.append(render_bandwidth(self.bandwidth))
        if self.sbr is not None:
            found.append({"type": "sbr"})
        return tuple(found)

    @property
    def plugins(self) -> tuple[str, ...]:
        """Every CNI plugin that is called for the network."""
        inner = (self.ipam.type,) if self.ipam is not None else ()
        return (self.kind, *inner, *(str(one["type"]) for one in self.chain))

    @property
    def plugin_capabilities(self) -> dict[str, bool]:
        """Those of the kind's own plugin, which also hands them to the IPAM."""
        return {one: True for one in self.capabilities if one == "ips" or self.mac_by == "plugin"}


def _no_ips(ipam: AnyIpam | None) -> str | None:
    match ipam:
        case None:
            return "a network without ipam gives no addresses. Remove it"
        case Whereabouts():
            return "Whereabouts chooses addresses itself. Use ipam host-local or static"
        case Dhcp():
            return "the DHCP server chooses addresses. Use ipam host-local or static"
        case HostLocal() | Static():
            return None
        case _:
            assert_never(ipam)
