"""static: addresses written down in the network, for one pod at a time, or in pods' annotations.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/ipam/static/main.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import Any, ClassVar, Literal

from components.addresses import (
    Address,
    AddressField,
    Interface,
    InterfaceField,
    Span,
    single,
)
from components.faults import Fault, repeated
from components.ipam.common import (
    Dns,
    Pool,
    Route,
    first_address,
    gateway_faults,
    is_host,
    route_faults,
    special_faults,
)
from components.model import Model


class StaticAddress(Model):
    """An address of the pod, with its prefix."""

    address: InterfaceField
    """The address with its prefix length."""
    gateway: AddressField | None = None
    """The gateway of that address's network."""

    def faults(self) -> Iterator[Fault]:
        network = self.address.network
        yield from special_faults("address", single(self.address.ip), self.address)
        if not is_host(self.address.ip, network):
            yield Fault(
                ("address",), f"that is not a host's address in {network}", str(self.address)
            )
        if self.gateway is not None:
            yield from gateway_faults(self.gateway, [network])
            if self.gateway == self.address.ip:
                yield Fault(("gateway",), "that is the pod's own address", str(self.gateway))


class Static(Model):
    """Addresses written down: here, or by each pod of a network with capabilities: [ips]."""

    withheld: ClassVar[Mapping[str, str]] = {
        "range": "a static network has addresses, each with its prefix",
        "subnet": "a static network has addresses, each with its prefix",
        "gateway": "it belongs to an entry of addresses",
    }

    type: Literal["static"] = "static"
    """static."""
    addresses: tuple[StaticAddress, ...] = ()
    """The pod's addresses, all of them; may be left out where pods choose: capabilities: [ips]."""
    routes: tuple[Route, ...] = ()
    """Routes for the pod."""
    dns: Dns | None = None
    """DNS data in the plugin's result."""

    def faults(self) -> Iterator[Fault]:
        own = [entry.address.ip for entry in self.addresses]
        for index, first in repeated(own):
            yield Fault(
                ("addresses", index, "address"),
                f"addresses[{first}] has it already",
                str(self.addresses[index].address),
            )
        for index, entry in enumerate(self.addresses):
            if entry.gateway in own and entry.gateway != entry.address.ip:
                yield Fault(
                    ("addresses", index, "gateway"),
                    "that is the pod's own address",
                    str(entry.gateway),
                )
        yield from route_faults(
            self.routes, [[entry.address.network] for entry in self.addresses], own
        )

    def network_faults(self, *, chosen: bool) -> Iterator[Fault]:
        """What is wrong in a network where pods may choose their addresses, or may not."""
        if not self.addresses and not chosen:
            yield Fault(
                ("addresses",),
                "is missing: the pod's addresses. Or let each pod choose its own by the network's "
                "capabilities: [ips]",
                absence=True,
            )

    @property
    def pools(self) -> tuple[Pool, ...]:
        return tuple(
            Pool(
                ("addresses", index, "address"),
                entry.address.network,
                (Span(entry.address.ip, entry.address.ip),),
                str(entry.address),
            )
            for index, entry in enumerate(self.addresses)
        )

    @property
    def gateways(self) -> tuple[Address, ...]:
        named = [entry.gateway for entry in self.addresses] + [route.gw for route in self.routes]
        return tuple(address for address in named if address is not None)

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        """What a bridge with isGateway takes: each gateway, or the first address where none is."""
        return tuple(
            ip_interface(f"{entry.gateway}/{entry.address.network.prefixlen}")
            if entry.gateway
            else first_address(entry.address.network)
            for entry in self.addresses
        )

    @property
    def capacity(self) -> int | None:
        """One pod: every pod of the network would get the same addresses. Not known without."""
        return 1 if self.addresses else None

    def render(self) -> dict[str, Any]:
        body: dict[str, Any] = {"type": self.type}
        if self.addresses:
            body["addresses"] = [
                entry.model_dump(mode="json", exclude_none=True) for entry in self.addresses
            ]
        if self.routes:
            body["routes"] = [route.render() for route in self.routes]
        if self.dns is not None:
            body["dns"] = self.dns.render()
        return body
