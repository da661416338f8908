"""host-local: addresses counted in files on each node. Two nodes know nothing of each other.

Fields and rules from containernetworking/plugins 1.9.1,
`plugins/ipam/host-local/backend/allocator/{config,range}.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import Any, ClassVar, Final, Literal

from components.addresses import (
    Address,
    Addresses,
    AddressField,
    CidrField,
    Interface,
    Span,
    meeting,
    single,
)
from components.faults import Fault
from components.forms import NodePath
from components.ipam.common import (
    Pool,
    Route,
    capacity,
    first_address,
    gateway_faults,
    limit_faults,
    no_room,
    route_faults,
    special_faults,
    usable,
)
from components.model import Model

# On tmpfs, so that a reboot clears what pods of before it held (containernetworking/plugins#252);
# the plugin's own default, /var/lib/cni/networks, keeps dead pods' addresses for ever.
DATA_DIR: Final = "/run/cni/networks"


class HostLocalRange(Model):
    """A range of addresses of one subnet."""

    subnet: CidrField
    """The subnet as a CIDR without host bits; /30 (IPv6: /126) at the longest."""
    range_start: AddressField | None = None
    """First address to hand out; the subnet's first where it is left out."""
    range_end: AddressField | None = None
    """Last address to hand out; the subnet's last where it is left out."""
    gateway: AddressField | None = None
    """The subnet's gateway, never handed out; the subnet's first address where it is left out."""

    def faults(self) -> Iterator[Fault]:
        span = usable(self.subnet, last_of_v6=True)
        if span is None:
            yield no_room("subnet", self.subnet)
            return
        found = list(special_faults("subnet", self.subnet))
        found += list(limit_faults("subnet", span, self.range_start, self.range_end, self.subnet))
        if self.gateway is not None:
            found += gateway_faults(self.gateway, [self.subnet])
        yield from found
        if not found and not self.spans:
            yield Fault(("subnet",), "the gateway takes its only address", str(self.subnet))

    @property
    def limits(self) -> Span | None:
        span = usable(self.subnet, last_of_v6=True)
        return span and Span(self.range_start or span.first, self.range_end or span.last)

    @property
    def spans(self) -> tuple[Span, ...]:
        return self.limits.without([single(self._skipped)]) if self.limits else ()

    @property
    def _skipped(self) -> Address:
        return self.bridge_address.ip

    @property
    def bridge_address(self) -> Interface:
        """The gateway, with the subnet's prefix; the plugin's guess where none is named."""
        if self.gateway is None:
            return first_address(self.subnet)
        return ip_interface(f"{self.gateway}/{self.subnet.prefixlen}")

    def render(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class HostLocal(Model):
    """Addresses by host-local. On several nodes each node hands out the same ones."""

    withheld: ClassVar[Mapping[str, str]] = {
        "range": "host-local calls it subnet",
        "exclude": "host-local has no exclusions. Use several ranges in ranges",
        "name": "it is made from the network's namespace and name, so that no two share state",
    }

    type: Literal["host-local"] = "host-local"
    """host-local."""
    subnet: CidrField | None = None
    """The subnet as a CIDR without host bits; or give ranges."""
    range_start: AddressField | None = None
    """First address to hand out; the subnet's first where it is left out."""
    range_end: AddressField | None = None
    """Last address to hand out; the subnet's last where it is left out."""
    gateway: AddressField | None = None
    """The subnet's gateway, never handed out; the subnet's first address where it is left out."""
    ranges: tuple[tuple[HostLocalRange, ...], ...] = ()
    """Instead of subnet: a list of lists. Every pod gets one address of each inner list."""
    routes: tuple[Route, ...] = ()
    """Routes for the pod."""
    data_dir: NodePath = DATA_DIR
    """Where each node counts its addresses. The default is on tmpfs and cleared at reboot."""
    resolv_conf: NodePath | None = None
    """A resolv.conf on the node, parsed into the result."""
    allow_multi_node: bool = False
    """Accept that pods on different nodes get the same address."""

    def faults(self) -> Iterator[Fault]:
        flat = [
            name
            for name in ("subnet", "range_start", "range_end", "gateway")
            if getattr(self, name) is not None
        ]
        if not self.ranges and self.subnet is None:
            yield Fault(
                ("subnet",), "is missing: the subnet as a CIDR, or ranges for several", absence=True
            )
            return
        if self.ranges and flat:
            yield Fault(("ranges",), "stands beside subnet. Use one of the two")
            return
        if self.subnet is not None and (found := list(self._flat.faults())):
            yield from found
            return
        yield from self._set_faults()
        yield from route_faults(
            self.routes, [[member.subnet for member in members] for members in self._sets]
        )
        for index, route in enumerate(self.routes):
            if any(route.gw in span for pool in self.pools for span in pool.spans):
                yield Fault(
                    ("routes", index, "gw"),
                    "a pod may get it. Keep it out by rangeStart or rangeEnd",
                    str(route.gw),
                )

    def _set_faults(self) -> Iterator[Fault]:
        for index, members in enumerate(self.ranges):
            if not members:
                yield Fault(("ranges", index), "is empty. Give it at least one subnet")
            elif len({member.subnet.version for member in members}) > 1:
                yield Fault(
                    ("ranges", index),
                    "mixes IPv4 and IPv6: one inner list gives one address. Make two lists",
                )
        placed = [
            ((index, place), span)
            for index, members in enumerate(self.ranges)
            for place, member in enumerate(members)
            if (span := member.limits)
        ]
        yield from self._gateways_handed_out()
        for later, earlier in sorted(meeting(span for _, span in placed).items()):
            (index, place), span = placed[earlier]
            yield Fault(
                ("ranges", *placed[later][0]),
                f"overlaps ranges[{index}][{place}] ({span}). Make them disjoint",
            )

    def _gateways_handed_out(self) -> Iterator[Fault]:
        """A range keeps its own gateway back, not the one of another range."""
        members = [
            (("ranges", index, place), member)
            for index, inner in enumerate(self.ranges)
            for place, member in enumerate(inner)
        ]
        named = Addresses(
            (member.gateway, where) for where, member in members if member.gateway is not None
        )
        handed_out = [
            (where, index, place, gateway)
            for (_, index, place), member in members
            for span in member.spans
            for gateway, where in named.within(span)
        ]
        for where, index, place, gateway in sorted(handed_out):
            if where != ("ranges", index, place):
                rule = f"ranges[{index}][{place}] hands it out. Name it there too"
                yield Fault((*where, "gateway"), rule, str(gateway))

    @property
    def gateways(self) -> tuple[Address, ...]:
        """The gateways and next hops that are named, without the plugin's guess."""
        members = [member for members in self._sets for member in members]
        named = [member.gateway for member in members] + [route.gw for route in self.routes]
        return tuple(address for address in named if address is not None)

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        """What a bridge with isGateway takes: the gateway of each subnet."""
        return tuple(
            dict.fromkeys(member.bridge_address for members in self._sets for member in members)
        )

    @property
    def _flat(self) -> HostLocalRange:
        assert self.subnet is not None  # checked: there is subnet, or ranges
        return HostLocalRange.model_construct(
            subnet=self.subnet,
            range_start=self.range_start,
            range_end=self.range_end,
            gateway=self.gateway,
        )

    @property
    def _sets(self) -> tuple[tuple[HostLocalRange, ...], ...]:
        return self.ranges or ((self._flat,),)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """One for each subnet; a pod has an address of one subnet of each inner list."""
        return tuple(
            Pool(
                ("ranges", index, place, "subnet") if self.ranges else ("subnet",),
                member.subnet,
                member.spans,
            )
            for index, members in enumerate(self._sets)
            for place, member in enumerate(members)
        )

    @property
    def capacity(self) -> int:
        """Addresses on each node."""
        return capacity(
            sum(span.size for member in members for span in member.spans) for members in self._sets
        )

    def render(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": self.type,
            "ranges": [[member.render() for member in members] for members in self._sets],
            "dataDir": self.data_dir,
        }
        if self.routes:
            body["routes"] = [route.render() for route in self.routes]
        if self.resolv_conf:
            body["resolvConf"] = self.resolv_conf
        return body
