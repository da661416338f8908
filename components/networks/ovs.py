"""ovs: pods on an Open vSwitch bridge of their node.

Fields and rules from k8snetworkplumbingwg/ovs-cni 0.9, `pkg/types/types.go`, `pkg/common/common.go`
and `pkg/config/config.go`. A DaemonSet of its own installs the plugin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from ..fields import InterfaceName, Mtu, ResourceName
from ..findings import Finding, Path
from ..model import Model
from .base import DEFAULT_VLAN, TypedNetwork, Wire
from .host_device import BY_RESOURCE

OVN: Final = "br-int"  # the bridge of pods that bring an ovnPort (`GetBridgeName`)
Vlan = Annotated[int, Field(ge=0, le=4095)]


class OvsTrunk(Model):
    """VLAN ids that a port of Open vSwitch carries tagged (`SplitVlanIds` in pkg/common)."""

    pointers = frozenset({"id"})

    id: Vlan | None = None
    """A single VLAN id; or give minID and maxID."""
    min_id: Vlan | None = Field(default=None, alias="minID")
    """The first of several VLAN ids."""
    max_id: Vlan | None = Field(default=None, alias="maxID")
    """The last of several VLAN ids."""

    def incomplete(self) -> Iterator[Finding]:
        if self.max_id is not None and (self.min_id or 0) > self.max_id:
            message = f"maxID is {self.max_id}, which comes before it"
            yield Finding(("minID",), message, self.min_id)

    @property
    def names_vlans(self) -> bool:
        """Whether the plugin takes any VLAN from it."""
        return self.id is not None or bool(self.min_id and self.max_id)


class Ovs(TypedNetwork):
    """A bridge of Open vSwitch, which the nodes have already, as they have the plugin ovs."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "fabric",
        "type": "ovs",
        "bridge": "br-fabric",
        "vlan": 90,
        "ipam": {"type": "whereabouts", "range": "192.168.91.0/24"},
    }
    hints: ClassVar[Mapping[str, str]] = {
        "mac": "the plugin reads none here. Use capabilities: [mac] and the pod's annotation",
        "vlanTrunk": "the plugin calls it trunk",
        "deviceID": BY_RESOURCE,
        "ovnPort": "it is a pod's: write it into cni-args of the pod's annotation",
    }
    passed_on = TypedNetwork.passed_on | {"deviceid"}
    pointers = frozenset({"vlan"})
    ours = frozenset({"resource_name"})
    mac_by = "plugin"
    veth = True

    type: Literal["ovs"] = "ovs"
    bridge: InterfaceName | None = None
    """Name of the bridge; left out where a resourceName's device tells it, or pods' ovnPort."""
    resource_name: ResourceName | None = None
    """A device plugin's resource whose virtual functions are the pods' ports (offloading)."""
    vlan: Vlan | None = None
    """VLAN id of the pods' ports, untagged in the pod; all VLANs tagged where it is left out."""
    trunk: tuple[OvsTrunk, ...] = ()
    """VLAN ids that the pods' ports carry tagged."""
    mtu: Mtu | None = None
    """MTU of the pod's interface; the kernel's where it is left out."""
    ofport_request: Annotated[int, Field(ge=1, le=65279)] | None = Field(
        default=None, serialization_alias="ofport_request"
    )
    """Number of the port in OpenFlow: for a network with one pod on a node."""
    interface_type: str | None = Field(default=None, serialization_alias="interface_type")
    """Type of the interface in Open vSwitch, such as system."""
    configuration_path: str | None = Field(default=None, serialization_alias="configuration_path")
    """A file on each node with settings of the plugin."""
    socket_file: str | None = Field(default=None, serialization_alias="socket_file")
    """The socket of the node's database, such as unix:/run/openvswitch/db.sock."""
    link_state_check_retries: int | None = Field(
        default=None, ge=1, serialization_alias="link_state_check_retries"
    )
    """How often the plugin looks whether the port is up; 5 where it is left out."""
    link_state_check_interval: int | None = Field(
        default=None, ge=1, serialization_alias="link_state_check_interval"
    )
    """Milliseconds between these looks; 600 where it is left out."""

    def incomplete(self) -> Iterator[Finding]:
        yield from super().incomplete()
        if self.trunk and not any(one.names_vlans for one in self.trunk):
            message = "names no VLAN, and the plugin refuses that. Give it id, or minID and maxID"
            yield Finding(("trunk",), message)

    @property
    def segment(self) -> str:
        return self.bridge or self.resource_name or OVN

    @property
    def wires(self) -> tuple[Wire, ...]:
        """A macvlan may have the bridge as its master. A port with trunk ignores vlan."""
        return () if self.trunk else ((self.segment, self.vlan or DEFAULT_VLAN),)

    @property
    def uses(self) -> Mapping[str, Path]:
        return {self.bridge: ("bridge",)} if self.bridge is not None else {}
