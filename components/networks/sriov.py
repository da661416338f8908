"""sriov: a virtual function of a network card, which a device plugin gives to each pod.

Fields and rules from k8snetworkplumbingwg/sriov-cni, `pkg/types/types.go` and
`pkg/config/config.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..fields import MacAddress, NodePath, OnOff, ResourceName, VlanId
from ..findings import Finding
from .base import DEFAULT_VLAN, TypedNetwork, Wire
from .host_device import BY_RESOURCE


class Sriov(TypedNetwork):
    """A virtual function of a network card, which a device plugin gives to each pod."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "fast",
        "type": "sriov",
        "resourceName": "intel.com/sriov_netdevice",
        "vlan": 70,
        "ipam": {"type": "whereabouts", "range": "192.168.70.0/24"},
    }
    hints: ClassVar[Mapping[str, str]] = {
        "mtu": "sriov sets none. Use tuning.mtu",
        **dict.fromkeys(("master", "device", "deviceID", "pciBusID"), BY_RESOURCE),
    }
    passed_on = TypedNetwork.passed_on | {"deviceid"}
    pointers = frozenset({"min_tx_rate", "max_tx_rate"})
    ours = frozenset({"resource_name"})
    mac_by = "plugin"

    type: Literal["sriov"] = "sriov"
    resource_name: ResourceName
    """The device plugin's resource, such as intel.com/sriov_netdevice; pods ask for it too."""
    vlan: VlanId | None = None
    """VLAN id of the virtual function, untagged in the pod."""
    vlan_qos: int | None = Field(default=None, ge=0, le=7, alias="vlanQoS")
    """Priority of what the pod sends on the VLAN, 0 to 7."""
    vlan_proto: Literal["802.1q", "802.1ad"] | None = None
    """Kind of the VLAN's tag; 802.1q where it is left out."""
    mac: MacAddress | None = None
    """MAC address of every pod's interface, in quotes: for a network with one pod."""
    spoofchk: OnOff | None = None
    """Drop what a pod sends from another MAC address; the card's own default is left as it is."""
    trust: OnOff | None = None
    """Let the pod change its MAC address and be promiscuous."""
    link_state: Literal["auto", "enable", "disable"] | None = Field(
        default=None, serialization_alias="link_state"
    )
    """State of the link as the pod sees it: auto follows the card's."""
    min_tx_rate: int | None = Field(
        default=None, ge=0, le=2**31 - 1, serialization_alias="min_tx_rate"
    )
    """What the pod may always send, in Mbit/s; few cards know it."""
    max_tx_rate: int | None = Field(
        default=None, ge=0, le=2**31 - 1, serialization_alias="max_tx_rate"
    )
    """The most that the pod may send, in Mbit/s; 0 is no limit."""
    log_level: Literal["panic", "error", "warning", "info", "debug"] | None = None
    """How much the plugin logs."""
    log_file: NodePath | None = None
    """A log file on the node."""

    def incomplete(self) -> Iterator[Finding]:
        """`LoadConf` in pkg/config refuses these."""
        yield from super().incomplete()
        for key, value in (("vlanQoS", self.vlan_qos), ("vlanProto", self.vlan_proto)):
            if value is not None and self.vlan is None and value not in (0, "802.1q"):
                yield Finding((key,), "the plugin takes it beside vlan only", value)
        if self.max_tx_rate and (self.min_tx_rate or 0) > self.max_tx_rate:
            message = f"maxTxRate is {self.max_tx_rate}, which is less"
            yield Finding(("minTxRate",), message, self.min_tx_rate)

    @property
    def segment(self) -> str:
        return self.resource_name

    @property
    def wires(self) -> tuple[Wire, ...]:
        return ((self.resource_name, self.vlan or DEFAULT_VLAN),)
