"""bond: several interfaces as one, made in the pod.

Fields and rules from k8snetworkplumbingwg/bond-cni, `bond/bond.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..fields import Device, MillisecondsText, Mtu, ZeroOne
from ..findings import Finding, Path, repeated
from ..model import Model
from .base import DEFAULT_VLAN, TypedNetwork, Wire
from .host_device import NO_MAC

Mode = Literal[
    "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb",
    "balance-alb",
]  # fmt: skip


class BondLink(Model):
    """One of the interfaces that a bond is made of."""

    name: Device
    """Name of the interface, in the pod or on the node."""


class Bond(TypedNetwork):
    """Several interfaces as one, made in the pod."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "both",
        "type": "bond",
        "mode": "active-backup",
        "links": [{"name": "net1"}, {"name": "net2"}],
        "ipam": {"type": "whereabouts", "range": "192.168.80.0/24"},
    }
    hints: ClassVar[Mapping[str, str]] = {"mac": NO_MAC, "master": "a bond has links"}
    plugin_defaults: ClassVar[Mapping[str, Any]] = {"links_in_container": False, "miimon": ""}
    pointers = frozenset({"allslavesactive", "tlbdynamiclb"})

    type: Literal["bond"] = "bond"
    mode: Mode
    """How the links share the work; active-backup asks nothing of the switches."""
    links: tuple[BondLink, ...] = Field(min_length=2)
    """The interfaces, two or more, each with its name."""
    links_in_container: bool = True
    """Take the links from the pod, where its other networks made them; false: from the node."""
    miimon: MillisecondsText = Field(default=100, ge=0, le=2**31 - 1)
    """Milliseconds between looks at the links; with 0 none is looked at."""
    mtu: Mtu | None = None
    """MTU of the bond, no more than that of any link; 1500 where it is left out."""
    fail_over_mac: int = Field(default=0, ge=0, le=2)
    """Whose MAC address the bond has: 0 one for all links, 1 the active one's, 2 as it follows."""
    all_slaves_active: ZeroOne = False
    """Take what arrives on links that are not active, too."""
    tlb_dynamic_lb: ZeroOne | None = None
    """Move flows between links by load; for balance-tlb and balance-alb."""
    xmit_hash_policy: Literal["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"] | None = (
        None
    )
    """What decides which link a packet takes; for balance-xor, 802.3ad and balance-tlb."""

    def incomplete(self) -> Iterator[Finding]:
        yield from super().incomplete()
        names = [link.name for link in self.links]
        for index, first in repeated(names):
            yield Finding(("links", index, "name"), f"links[{first}] has it already", names[index])

    @property
    def segment(self) -> str:
        return " and ".join(link.name for link in self.links)

    @property
    def wires(self) -> tuple[Wire, ...]:
        """Where links in the pod lead only the pod knows."""
        return tuple((device, DEFAULT_VLAN) for device in self.takes)

    @property
    def takes(self) -> Mapping[str, Path]:
        if self.links_in_container:
            return {}
        return {link.name: ("links", at, "name") for at, link in enumerate(self.links)}

    @property
    def one_per_node(self) -> str | None:
        if self.links_in_container:
            return None
        return f"the pod takes {self.segment} away. For more, make the bond on the node"
