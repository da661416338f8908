"""static: addresses written down in the network, for one pod at a time, or in pods' annotations.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/ipam/static/main.go`. Multus
hands an address that a pod asks for to every plugin by CNI_ARGS (`DelegateAdd` in its multus.go),
and static appends it: no capability is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal

from ..addresses import Address, AddressField, Interface, InterfaceField
from ..model import Model
from .base import Dns, Pool, Routed, bridge_address, known


class StaticAddress(Model):
    """An address of the pod, with its prefix."""

    address: InterfaceField
    """The address with its prefix length."""
    gateway: AddressField | None = None
    """The gateway of that address's network."""


class Static(Routed):
    """Addresses written down: here, or by each pod in its annotation."""

    _NO_RANGE: ClassVar[str] = "a static network has addresses, each with its prefix"
    hints: ClassVar[Mapping[str, str]] = {
        "range": _NO_RANGE,
        "subnet": _NO_RANGE,
        "gateway": "it belongs to an entry of addresses",
    }
    passed_on = frozenset({"name"})

    type: Literal["static"] = "static"
    addresses: tuple[StaticAddress, ...] = ()
    """The pod's addresses, all of them; left out where each pod brings its own."""
    dns: Dns | None = None
    """DNS data in the plugin's result."""

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        return tuple(
            Pool(
                ("addresses", index, "address"),
                one.address.network,
                one.address.ip,
                one.address.ip,
                written=str(one.address),
            )
            for index, one in enumerate(self.addresses)
        )

    @property
    def default_hops(self) -> tuple[Address, ...]:
        return known(*(one.gateway for one in self.addresses))

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        return tuple(bridge_address(one.gateway, one.address.network) for one in self.addresses)

    @property
    def capacity(self) -> int | None:
        """One pod; unknown where pods bring their addresses."""
        return 1 if self.addresses else None
