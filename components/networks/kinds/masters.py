"""Kinds on an interface of the node that stays the node's: macvlan, ipvlan and vlan.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/{macvlan,ipvlan,vlan}`.
Where a plugin would guess (the master of macvlan), the field is required.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from components.faults import Fault
from components.ipam import Dhcp, Ipam
from components.networks.chained import ONE_FOR_ALL
from components.networks.common import TypedNetwork
from components.networks.names import Master

ON_MASTER = {
    "mac": f'{ONE_FOR_ALL}. Use capabilities: [mac] and the pod\'s annotation ("mac")',
    "linkInContainer": "the master is the node's interface",
    "bridge": 'a network of type "bridge" has one',
}


class Macvlan(TypedNetwork):
    """Pods as hosts of their own on the master's wire. The node itself cannot reach them."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x", "master": "x"}
    withheld: ClassVar[Mapping[str, str]] = ON_MASTER

    mac_by = "plugin"

    type: Literal["macvlan"] = "macvlan"
    """macvlan."""
    master: Master
    """The node's interface, of the same name on every node, such as eth1."""
    mode: Literal["bridge", "private", "vepa", "passthru"] = "bridge"
    """How pods on one node reach each other; bridge is what nearly everybody wants."""
    bcqueuelen: int | None = Field(default=None, ge=0, le=2**32 - 1)
    """Length of the queue for broadcasts, in packets."""

    @property
    def one_per_node(self) -> str | None:
        if self.mode != "passthru":
            return None
        return f"the kernel gives {self.master} to one macvlan in mode passthru. Use mode bridge"

    @property
    def segment(self) -> str:
        return self.master


class Ipvlan(TypedNetwork):
    """Pods with addresses of their own that share the master's MAC address."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x", "master": "x"}
    withheld: ClassVar[Mapping[str, str]] = {
        **ON_MASTER,
        "mac": "every pod of the network has the master's",
    }
    mac_by = None

    type: Literal["ipvlan"] = "ipvlan"
    """ipvlan."""
    master: Master
    """The node's interface, of the same name on every node, such as eth1."""
    mode: Literal["l2", "l3", "l3s"] = "l2"
    """On which layer the master passes packets to pods."""
    ipam: Ipam
    """Where addresses come from; ipvlan does not work without."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if isinstance(self.ipam, Dhcp) and self.mode != "l2":
            yield Fault(
                ("mode",),
                "on layer 3 no DHCP server hears a pod. Use l2 or another ipam",
                self.mode,
            )

    @property
    def segment(self) -> str:
        return self.master


class Vlan(TypedNetwork):
    """A VLAN of the master. A node has room for one pod: the kernel makes each VLAN once."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x", "master": "x", "vlan_id": 1}
    withheld: ClassVar[Mapping[str, str]] = {
        **ON_MASTER,
        "vlan": "the plugin calls it vlanId",
        "mode": "a VLAN has none",
    }

    type: Literal["vlan"] = "vlan"
    """vlan."""
    master: Master
    """The node's interface, of the same name on every node, such as eth1."""
    vlan_id: int = Field(ge=1, le=4094)
    """VLAN id of the pod's interface, 1 to 4094."""
    ipam: Ipam
    """Where addresses come from; vlan does not work without."""

    @property
    def one_per_node(self) -> str:
        return (
            f"the kernel makes VLAN {self.vlan_id} of {self.master} once "
            "(containernetworking/plugins#243). For more, use macvlan on a VLAN interface of the "
            "node, or bridge with vlan"
        )

    @property
    def segment(self) -> str:
        return self.master
