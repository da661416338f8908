"""What macvlan, ipvlan and vlan have in common: an interface of the node that stays the node's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from ..fields import Device, Mtu
from ..findings import Path
from .base import DEFAULT_VLAN, TypedNetwork, Wire

DEFAULT_ROUTES: Final = "the interface of the node's default route"


class OnMaster(TypedNetwork):
    """A network on an interface of the node, which stays the node's."""

    hints: ClassVar[Mapping[str, str]] = {
        "bridge": 'a network of type "bridge" has one',
        "vlan": "pods would be on the untagged wire. Use type vlan, "
        "type bridge with vlan, or a VLAN interface of the node as master, such as eth1.100",
    }

    master: Device | None = None
    """The node's interface, such as eth1, or an altname; that of its default route by default."""
    link_in_container: bool = False
    """The master is an interface in the pod, which another network made before."""
    mtu: Mtu | None = None
    """MTU of the pod's interface, no more than the master's, which it is where it is left out."""

    @property
    def segment(self) -> str:
        return self.master or DEFAULT_ROUTES

    @property
    def wires(self) -> tuple[Wire, ...]:
        return () if self.link_in_container else ((self.segment, DEFAULT_VLAN),)

    @property
    def uses(self) -> Mapping[str, Path]:
        if self.master is None or self.link_in_container:
            return {}
        return {self.master: ("master",)}
