"""What the IPAM plugins share: routes, DNS, and the pools of addresses that they hand out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_interface
from typing import Any, Final

from netaddr import IPRange, IPSet
from pydantic import Field

from ..addresses import Address, AddressField, Cidr, DestinationField, Interface
from ..findings import Finding, Path
from ..model import Model

# A pool may have more addresses than a Pulumi number (a double) can hold exactly.
MOST_COUNTED: Final = 2**53 - 1
# RT_TABLE_UNSPEC, _MAIN and _LOCAL: every packet is looked up in the latter two.
EVERY_PACKETS: Final = (None, 0, 254, 255)
SCOPE_LINK: Final = 253  # RT_SCOPE_LINK


class Route(Model):
    """A route that the pod gets (`Route` in containernetworking/cni pkg/types, since 1.2)."""

    pointers = frozenset({"table", "scope"})

    dst: DestinationField
    """Destination as a CIDR."""
    gw: AddressField | None = None
    """Next hop; the IPAM's gateway where it is left out."""
    priority: int = Field(default=0, ge=0, le=2**31 - 1)
    """Metric: of two routes to one destination the lower one is taken."""
    mtu: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """MTU of what goes this way, in bytes."""
    advmss: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """Largest TCP segment to announce, in bytes."""
    table: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """Routing table; the main one (254) where it is left out."""
    scope: int | None = Field(default=None, ge=0, le=255)
    """Scope: 0 global, 253 link."""

    @property
    def in_main_table(self) -> bool:
        """Whether packets take the route without a routing rule."""
        return self.table in EVERY_PACKETS


class Dns(Model):
    """DNS data in the plugin's result. Kubernetes does not write it to the pod's resolv.conf."""

    nameservers: tuple[AddressField, ...] = ()
    """Addresses of name servers."""
    domain: str | None = None
    """The local domain."""
    search: tuple[str, ...] = ()
    """Search domains."""
    options: tuple[str, ...] = ()
    """Resolver options."""


@dataclass(frozen=True)
class Pool:
    """Addresses that a plugin hands out, of one range."""

    path: Path
    """From the IPAM to the range."""
    cidr: Cidr
    """The range, which gives the prefix."""
    first: Address
    last: Address
    holes: tuple[Cidr, ...] = ()
    """What is kept back between the first and the last address."""
    written: str = ""

    def __str__(self) -> str:
        return self.written or str(self.cidr)

    @cached_property
    def addresses(self) -> IPSet:
        """Every address that a pod may get."""
        if int(self.first) > int(self.last):
            return IPSet()
        whole = IPSet(IPRange(str(self.first), str(self.last)))
        return whole - IPSet(str(one) for one in self.holes) if self.holes else whole

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """The addresses as numbers, first and last of each unbroken run: quick to compare."""
        return [(one.first, one.last) for one in self.addresses.iter_ipranges()]

    def hands_out(self, address: Address) -> bool:
        """Whether a pod may get the address."""
        number = int(address)
        return address.version == self.cidr.version and any(
            first <= number <= last for first, last in self._spans
        )

    def meets(self, other: Pool) -> bool:
        """Whether a pod of each may get the same address."""
        return self.cidr.version == other.cidr.version and any(
            first <= others_last and others_first <= last
            for first, last in self._spans
            for others_first, others_last in other._spans
        )

    @property
    def span(self) -> str:
        """The addresses as a person reads them, without the holes."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


class Ipam(Model):
    """Where a network's addresses come from."""

    type: str
    """Which plugin it is."""

    @property
    def pools(self) -> tuple[Pool, ...]:
        """What it hands out; none where only the pods or a server know."""
        return ()

    @property
    def gateways(self) -> tuple[Address, ...]:
        """Gateways and next hops that are named: routers, all of them."""
        return ()

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        """What a bridge with isGateway takes (`calcGateways` in plugins/main/bridge/bridge.go)."""
        return ()

    @property
    def capacity(self) -> int | None:
        """How many pods can have addresses; None where that is not known."""
        return None

    def render(self) -> dict[str, Any]:
        """The plugin's `ipam` object."""
        return self.for_plugin()


class Routed(Ipam):
    """A plugin that gives its pods routes."""

    routes: tuple[Route, ...] = ()
    """Routes for the pod."""

    @property
    def gateways(self) -> tuple[Address, ...]:
        return known(*self.default_hops, *(route.gw for route in self.routes))

    def next_hop(self, route: Route) -> Address | None:
        """A route's next hop: its own, or the first gateway of its family.

        `ConfigureIface` in pkg/ipam/ipam_linux.go.
        """
        family = (one for one in self.default_hops if one.version == route.dst.version)
        return route.gw or next(family, None)

    @property
    def default_hops(self) -> tuple[Address, ...]:
        """Gateways of the pod's addresses, for routes that name none."""
        return ()

    @property
    def onlink(self) -> list[list[Cidr]]:
        """Networks of the pod's addresses: it has one address of each inner list."""
        return [[pool.cidr] for pool in self.pools]


def routes_of(ipam: Ipam | None) -> tuple[Route, ...]:
    """The routes that the plugin gives its pods."""
    return ipam.routes if isinstance(ipam, Routed) else ()


def usable(cidr: Cidr, *, last_of_v6: bool) -> tuple[Address, Address] | None:
    """First and last address for pods; None for a prefix without room (/31, /32, /127, /128).

    host-local hands out the last address of an IPv6 range, Whereabouts does not
    (`lastIP` in host-local's range.go, `LastUsableIP` in Whereabouts' pkg/iphelpers).
    """
    if cidr.max_prefixlen - cidr.prefixlen < 2:
        return None
    last = cidr.broadcast_address
    return cidr.network_address + 1, last if cidr.version == 6 and last_of_v6 else last - 1


def no_room(key: str, cidr: Cidr) -> Finding:
    longest = cidr.max_prefixlen - 2
    message = (
        f"a /{cidr.prefixlen} has no room for pods. The longest prefix with room is /{longest}"
    )
    return Finding((key,), message, str(cidr))


def is_host(address: Address, cidr: Cidr) -> bool:
    """Whether a host of the network can have the address.

    In a /31, /32, /127 or /128 every address is a host's (RFC 3021, RFC 6164).
    """
    if cidr.max_prefixlen - cidr.prefixlen < 2 or address not in cidr:
        return True
    return address != cidr.network_address and (
        cidr.version == 6 or address != cidr.broadcast_address
    )


def alone(address: Address) -> Cidr:
    """The address as a /32 or /128."""
    return ipaddress.ip_network(address)


def bridge_address(gateway: Address | None, cidr: Cidr) -> Interface:
    """The gateway with the prefix, or what plugins take where the family has none: the first."""
    found = gateway if gateway and gateway.version == cidr.version else cidr.network_address + 1
    return ip_interface(f"{found}/{cidr.prefixlen}")


def capacity(sizes: Iterable[int]) -> int:
    """How many pods can have addresses, where each takes one of every so many."""
    return min(min(sizes, default=0), MOST_COUNTED)


def known(*addresses: Address | None) -> tuple[Address, ...]:
    """Those that are given, each once."""
    return tuple(dict.fromkeys(one for one in addresses if one is not None))
