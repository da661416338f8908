"""CNI plugins by name: those that the chart puts on the nodes, and models of those without a type.

The chart's image hardened-cni-plugins (v1.9.1) holds those of containernetworking/plugins, and
bond. Whereabouts brings its own, Multus too, and flannel's is K3s's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from ..findings import Finding
from ..ipam.base import Route
from ..model import Model

Unsigned = Annotated[int, Field(ge=0, le=2**32 - 1)]

INSTALLED: Final = frozenset(
    (
        *("bandwidth", "bond", "bridge", "dhcp", "dummy", "firewall", "flannel", "host-device"),
        *("host-local", "ipvlan", "loopback", "macvlan", "multus", "portmap", "ptp", "sbr"),
        *("static", "tap", "tuning", "vlan", "vrf", "whereabouts"),
    )
)
NEVER_FIRST: Final = ("tuning", "sbr", "bandwidth", "firewall", "portmap", "vrf", "route-override")
"""Plugins that work on the interface of one before them."""


class Ptp(Model):
    """`plugins/main/ptp`: a cable between pod and node."""

    ip_masq: bool = False
    ip_masq_backend: Literal["iptables", "nftables"] | None = None
    mtu: int = 0


class Dummy(Model):
    """`plugins/main/dummy`: an interface that leads nowhere."""


class Tap(Model):
    """`plugins/main/tap`: an interface for a program in the pod."""

    multi_queue: bool = False
    mtu: int = 0
    mac: str | None = None
    owner: Unsigned | None = None
    group: Unsigned | None = None
    selinux_context: str | None = None
    bridge: str | None = None


class Firewall(Model):
    """`plugins/meta/firewall`. A backend that it does not know is none to it (`getBackend`)."""

    backend: str | None = None
    iptables_admin_chain_name: str | None = None
    firewalld_zone: str | None = None
    ingress_policy: Literal["open", "same-bridge", "isolated"] | None = None


class Portmap(Model):
    """`plugins/meta/portmap`: ports of the node that lead to the pod."""

    pointers = frozenset({"markmasqbit"})

    backend: Literal["iptables", "nftables"] | None = None
    snat: bool | None = None
    conditions_v4: tuple[str, ...] = ()
    conditions_v6: tuple[str, ...] = ()
    masq_all: bool = False
    mark_masq_bit: Annotated[int, Field(ge=0, le=31)] | None = None
    external_set_mark_chain: str | None = None

    def incomplete(self) -> Iterator[Finding]:
        """`parseConfig` in plugins/meta/portmap/main.go."""
        if self.mark_masq_bit is not None and self.external_set_mark_chain is not None:
            yield Finding(("markMasqBit",), "the plugin refuses it beside externalSetMarkChain")


class Vrf(Model):
    """`plugins/meta/vrf`: a routing table of the pod's own for the interface."""

    vrfname: str
    """The name of the VRF."""
    table: Unsigned | None = None


class RouteOverride(Model):
    """Routes of the pod, changed after the network made them.

    `cmd/route-override/route-override.go` in openshift/route-override-cni.
    """

    flushroutes: bool = False
    flushgateway: bool = False
    delroutes: tuple[Route, ...] = ()
    addroutes: tuple[Route, ...] = ()
    skipcheck: bool = False


KNOWN: Final[Mapping[str, type[Model]]] = {
    one.__name__.lower(): one for one in (Ptp, Dummy, Tap, Firewall, Portmap, Vrf)
} | {"route-override": RouteOverride}
"""What plugins read that no type of network offers: `NetConf` in containernetworking/plugins."""
