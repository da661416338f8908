"""bridge: pods on a bridge of their node.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/bridge`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, assert_never

from pydantic import Field

from components.faults import Fault
from components.ipam import AnyIpam, Dhcp, HostLocal, Static, Whereabouts
from components.ipam.common import first_address
from components.model import Model
from components.networks.bridging import colliding
from components.networks.chained import ONE_FOR_ALL
from components.networks.common import TypedNetwork
from components.networks.names import LONGEST, BridgeName


class VlanTrunk(Model):
    """VLAN ids that a bridge's port carries tagged."""

    id: int | None = Field(default=None, ge=1, le=4094)
    """A single VLAN id; or give minID and maxID."""
    min_id: int | None = Field(default=None, ge=1, le=4094, alias="minID")
    """The first of several VLAN ids."""
    max_id: int | None = Field(default=None, ge=1, le=4094, alias="maxID")
    """The last of several VLAN ids."""

    def faults(self) -> Iterator[Fault]:
        if (self.min_id is None) != (self.max_id is None):
            alone, other = ("minID", "maxID") if self.max_id is None else ("maxID", "minID")
            yield Fault((alone,), f"stands alone: {other} is needed too", absence=True)
        elif self.min_id is not None and self.max_id is not None and self.min_id > self.max_id:
            yield Fault(("minID",), f"maxID is {self.max_id}, which comes before it", self.min_id)
        if self.id is None and self.min_id is None and self.max_id is None:
            yield Fault((), "needs id, or minID and maxID", absence=True)


class Bridge(TypedNetwork):
    """A bridge on each node. It reaches other nodes only if it has one of their wires as a port."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x", "bridge": "x"}
    withheld: ClassVar[Mapping[str, str]] = {
        "master": "a bridge has none. Add the node's interface to the bridge on the node",
        "mac": f'{ONE_FOR_ALL}. Use capabilities: [mac] and the pod\'s annotation ("mac")',
        "isDefaultGateway": "it would take the pod's own default route. Give the ipam routes to "
        "what pods are to reach by the bridge",
    }

    mac_by = "plugin"
    veth = True

    type: Literal["bridge"] = "bridge"
    """bridge."""
    bridge: BridgeName
    """Name of the bridge, made on each node where it is missing. Not cni0: that is flannel's."""
    is_gateway: bool = False
    """Give the bridge the IPAM's gateway address, so that pods reach their node by it."""
    force_address: bool = False
    """Replace another address that the bridge has."""
    ip_masq: bool = False
    """Masquerade what pods send beyond the network."""
    ip_masq_backend: Literal["iptables", "nftables"] | None = None
    """What masquerading is done with; the plugin chooses where it is left out."""
    hairpin_mode: bool = False
    """Let a pod reach itself through the bridge. Not together with promiscMode."""
    promisc_mode: bool = False
    """Put the bridge into promiscuous mode."""
    vlan: int | None = Field(default=None, ge=1, le=4094)
    """VLAN id of the pods' ports, untagged in the pod."""
    vlan_trunk: tuple[VlanTrunk, ...] = ()
    """VLAN ids that the pods' ports carry tagged."""
    preserve_default_vlan: bool = False
    """Keep the bridge's default VLAN (1) on the pods' ports."""
    macspoofchk: bool = False
    """Drop what a pod sends from another MAC address; needs nftables on the node."""
    enabledad: bool = False
    """Wait for duplicate address detection (IPv6)."""
    port_isolation: bool = False
    """Keep pods of one node from reaching each other."""

    @property
    def segment(self) -> str:
        return self.bridge

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.hairpin_mode and self.promisc_mode:
            yield Fault(("hairpinMode",), "cannot stand beside promiscMode. Leave one out")
        if self.ip_masq_backend and not self.ip_masq:
            yield Fault(("ipMasqBackend",), "does nothing without ipMasq: true", absence=True)
        if self.preserve_default_vlan and self.vlan is None and not self.vlan_trunk:
            yield Fault(
                ("preserveDefaultVlan",), "does nothing without vlan or vlanTrunk", absence=True
            )
        if self.is_gateway and self.vlan and len(f"{self.bridge}.{self.vlan}") > LONGEST:
            yield Fault(
                ("bridge",),
                f"the gateway of a VLAN is on an interface {self.bridge}.{self.vlan}, and the "
                f"kernel takes {LONGEST} characters. Use a shorter name",
                self.bridge,
            )
        if self.ipam is None:
            for name, on in (("isGateway", self.is_gateway), ("ipMasq", self.ip_masq)):
                if on:
                    yield Fault((name,), "needs addresses. Give the network an ipam", absence=True)
        if self.is_gateway and self.ipam is not None:
            yield from self._bridge_address(self.ipam)

    def _bridge_address(self, plugin: AnyIpam) -> Iterator[Fault]:
        """With isGateway the bridge takes the gateway's address; unnamed, the first of the range.

        Only host-local keeps that one back (`calcGateways` in plugins/main/bridge/bridge.go).
        """
        if clash := colliding(plugin.bridge_addresses):
            one, other = clash
            yield Fault(
                ("isGateway",),
                f"the bridge would need {one} and {other}, and it can have one of them. Leave "
                "isGateway out, or make a network of each subnet, on bridges or VLANs of their own",
                self.is_gateway,
            )
        match plugin:
            case HostLocal():
                return
            case Dhcp():
                fix = "the bridge would take the address of the DHCP server's gateway. Leave it out"
            case Whereabouts() if len({pool.cidr.version for pool in plugin.pools}) > 1:
                fix = "Whereabouts has no gateway for two families. Leave it out"
            case Whereabouts() if plugin.gateway is None:
                fix = "the bridge would take an address that a pod may get. Name it as ipam.gateway"
            case Static() if "ips" in self.capabilities and not self._first_is_the_gateway(plugin):
                fix = (
                    "for a pod that chooses its address the bridge would take the first one of "
                    "that network. Leave it out"
                )
            case Static() if {one.ip for one in plugin.bridge_addresses} & {
                one.address.ip for one in plugin.addresses
            }:
                fix = "the bridge would take the pod's own address. Give it a gateway"
            case Whereabouts() | Static():
                return
            case _:
                assert_never(plugin)
        yield Fault(("isGateway",), fix, self.is_gateway, absence=True)

    @staticmethod
    def _first_is_the_gateway(plugin: Static) -> bool:
        """An address that a pod chooses comes without a gateway."""
        taken = [first_address(entry.address.network) for entry in plugin.addresses]
        return bool(taken) and [*plugin.bridge_addresses] == taken
