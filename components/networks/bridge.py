"""bridge: pods on a bridge of their node.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/bridge`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..addresses import Interface
from ..fields import InterfaceName, Mtu, VlanId
from ..findings import Finding, Path
from ..model import Model
from .base import DEFAULT_VLAN, TypedNetwork, Wire


class VlanTrunk(Model):
    """VLAN ids that a bridge's port carries tagged (`collectVlanTrunk` in bridge.go)."""

    id: VlanId | None = None
    """A single VLAN id; or give minID and maxID."""
    min_id: VlanId | None = Field(default=None, alias="minID")
    """The first of several VLAN ids."""
    max_id: VlanId | None = Field(default=None, alias="maxID")
    """The last of several VLAN ids."""

    def incomplete(self) -> Iterator[Finding]:
        if (self.min_id is None) != (self.max_id is None):
            alone, other = ("minID", "maxID") if self.max_id is None else ("maxID", "minID")
            yield Finding((alone,), f"stands alone: {other} is needed too")
        elif self.min_id is not None and self.max_id is not None and self.min_id > self.max_id:
            message = f"maxID is {self.max_id}, which comes before it"
            yield Finding(("minID",), message, self.min_id)


class Bridge(TypedNetwork):
    """A bridge on each node. It reaches other nodes only if it has one of their wires as a port."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "inside",
        "type": "bridge",
        "bridge": "br-inside",
        "isGateway": True,
        "ipam": {"type": "whereabouts", "range": "192.168.50.0/24", "gateway": "192.168.50.1"},
    }
    hints: ClassVar[Mapping[str, str]] = {
        "master": "a bridge has none. Add the node's interface to the bridge on the node",
        "gateway": "isGateway: true gives the bridge the gateway's address. Which one ipam says",
        "mac": 'the plugin reads none. Use capabilities: [mac] and the pod\'s annotation ("mac")',
    }
    plugin_defaults: ClassVar[Mapping[str, Any]] = {"bridge": "cni0"}
    mac_by = "plugin"
    veth = True

    type: Literal["bridge"] = "bridge"
    bridge: InterfaceName
    """Name of the bridge, made on each node where it is missing. Not cni0: that is flannel's."""
    is_gateway: bool = False
    """Give the bridge the IPAM's gateway address, so that pods reach their node by it."""
    is_default_gateway: bool = False
    """Make the bridge the pods' default route; it competes with eth0's."""
    force_address: bool = False
    """Replace another address that the bridge has."""
    ip_masq: bool = False
    """Masquerade what pods send beyond the network."""
    ip_masq_backend: Literal["iptables", "nftables"] | None = None
    """What masquerading is done with; the plugin chooses where it is left out."""
    mtu: Mtu | None = None
    """MTU of the pod's interface; the kernel's where it is left out."""
    hairpin_mode: bool = False
    """Let a pod reach itself through the bridge. Not together with promiscMode."""
    promisc_mode: bool = False
    """Put the bridge into promiscuous mode."""
    vlan: VlanId | None = None
    """VLAN id of the pods' ports, untagged in the pod."""
    vlan_trunk: tuple[VlanTrunk, ...] = ()
    """VLAN ids that the pods' ports carry tagged."""
    preserve_default_vlan: bool = False
    """Keep the bridge's default VLAN (1) on the pods' ports."""
    macspoofchk: bool = False
    """Drop what a pod sends from another MAC address; needs nftables on the node."""
    enabledad: bool = False
    """Wait for duplicate address detection (IPv6)."""
    disable_container_interface: bool = False
    """Leave the pod's end of the cable without addresses and down; for virtual machines."""
    port_isolation: bool = False
    """Keep pods of one node from reaching each other."""

    @property
    def segment(self) -> str:
        return self.bridge

    @property
    def wires(self) -> tuple[Wire, ...]:
        """A macvlan may have the bridge as its master, without a VLAN in the bridge's default."""
        vlans = {self.vlan or DEFAULT_VLAN}
        if self.preserve_default_vlan:
            vlans.add(DEFAULT_VLAN)
        return tuple((self.bridge, vlan) for vlan in sorted(vlans))

    @property
    def uses(self) -> Mapping[str, Path]:
        return {self.bridge: ("bridge",)}

    @property
    def gateway_key(self) -> str:
        """The key by which the bridge takes an address; isDefaultGateway includes isGateway."""
        if self.is_gateway:
            return "isGateway"
        return "isDefaultGateway" if self.is_default_gateway else ""

    @property
    def own_addresses(self) -> tuple[Interface, ...]:
        """Addresses that the bridge itself takes on each node."""
        return self.ipam.bridge_addresses if self.gateway_key and self.ipam is not None else ()
