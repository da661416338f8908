"""vlan: a VLAN of the master, tagged on its wire.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/vlan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..fields import Device
from .base import DEFAULT_VLAN, Wire
from .on_master import OnMaster


class Vlan(OnMaster):
    """A VLAN of the master. A node has room for one pod: the kernel makes each VLAN once."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "cameras",
        "type": "vlan",
        "master": "eth2",
        "vlanId": 40,
        "ipam": {"type": "whereabouts", "range": "192.168.40.0/24"},
    }
    hints: ClassVar[Mapping[str, str]] = {
        "vlan": "the plugin calls it vlanId",
        "mode": "a VLAN has none",
    }
    plugin_defaults: ClassVar[Mapping[str, Any]] = {"vlan_id": 0}
    always_written = frozenset({"vlan_id"})
    needs_ipam = True

    type: Literal["vlan"] = "vlan"
    master: Device
    """The node's interface, such as eth1, or an altname."""
    vlan_id: Annotated[int, Field(ge=0, le=4094)]
    """VLAN id of the pod's interface, 1 to 4094; 0 for frames with a priority and no VLAN."""

    @property
    def wires(self) -> tuple[Wire, ...]:
        """Tagged, VLAN 1 is not what goes without a tag."""
        vlan = "1, tagged" if self.vlan_id == DEFAULT_VLAN else self.vlan_id
        return () if self.link_in_container else ((self.master, vlan),)

    @property
    def one_per_node(self) -> str | None:
        if self.link_in_container:
            return None
        return (
            f"the kernel makes VLAN {self.vlan_id} of {self.master} once "
            "(containernetworking/plugins#243). For more, use macvlan on a VLAN interface of the "
            "node, or bridge with vlan"
        )
