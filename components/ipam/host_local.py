"""host-local: addresses counted in files on each node. Two nodes know nothing of each other.

Fields and rules from containernetworking/plugins 1.9.1,
`plugins/ipam/host-local/backend/allocator/{config,range,range_set}.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from ..addresses import Address, AddressField, Cidr, CidrField, Interface, contains
from ..fields import NodePath
from ..findings import Finding, Path
from ..model import Model
from .base import (
    Pool,
    Routed,
    alone,
    bridge_address,
    capacity,
    known,
    no_room,
    usable,
)

# On tmpfs, so that a reboot clears what pods of before it held (containernetworking/plugins#252);
# the plugin's own default keeps dead pods' addresses for ever.
DATA_DIR: Final = "/run/cni/networks"


class Subnet(Model):
    """The fields of a range, and of the flat form of one."""

    subnet: CidrField | None = None
    """The subnet as a CIDR without host bits; /30 (IPv6: /126) at the longest."""
    range_start: AddressField | None = None
    """First address to hand out; the subnet's first where it is left out."""
    range_end: AddressField | None = None
    """Last address to hand out; the subnet's last where it is left out."""
    gateway: AddressField | None = None
    """The subnet's gateway, never handed out; the subnet's first address where it is left out."""

    def incomplete(self) -> Iterator[Finding]:
        """`Canonicalize` in range.go refuses all of these."""
        if self.subnet is None:
            return
        if usable(self.subnet, last_of_v6=True) is None:
            yield no_room("subnet", self.subnet)
            return
        for key, limit in (("rangeStart", self.range_start), ("rangeEnd", self.range_end)):
            if limit is not None and not contains(self.subnet, limit):
                message = f"it is outside the subnet {self.subnet}. Choose an address in it"
                yield Finding((key,), message, str(limit))
        start, end = self.range_start, self.range_end
        if start and end and start.version == end.version and int(start) > int(end):
            message = f"rangeEnd is {end}, which comes before it. Exchange them"
            yield Finding(("rangeStart",), message, str(start))

    @property
    def bridge_address(self) -> Interface:
        """The gateway, with the subnet's prefix; the plugin's guess where none is named."""
        assert self.subnet is not None  # asked for entries with a subnet only
        return bridge_address(self.gateway, self.subnet)

    def pool(self, path: Path) -> Pool:
        """What it hands out. The gateway is kept back (`Next` in allocator.go)."""
        assert self.subnet is not None
        limits = usable(self.subnet, last_of_v6=True)
        assert limits  # `incomplete` let it through
        first, last = self.range_start or limits[0], self.range_end or limits[1]
        holes = (alone(self.bridge_address.ip),)
        return Pool((*path, "subnet"), self.subnet, first, last, holes)


class HostLocalRange(Subnet):
    """A range of addresses of one subnet."""

    subnet: CidrField


class HostLocal(Routed, Subnet):
    """Addresses by host-local. On several nodes each node hands out the same ones."""

    hints: ClassVar[Mapping[str, str]] = {
        "range": "host-local calls it subnet",
        "exclude": "host-local has no exclusions. Use several ranges in ranges",
        "allowMultiNode": "it is a rule now. Write allow: [host-local-on-several-nodes]",
    }
    passed_on = frozenset({"name"})
    plugin_defaults: ClassVar[Mapping[str, Any]] = {"data_dir": "/var/lib/cni/networks"}

    type: Literal["host-local"] = "host-local"
    ranges: tuple[tuple[HostLocalRange, ...], ...] = ()
    """A list of lists, behind subnet. Every pod gets one address of each inner list."""
    data_dir: NodePath = Field(default=DATA_DIR)
    """Where each node counts its addresses. The default is on tmpfs and cleared at reboot."""
    resolv_conf: NodePath | None = None
    """A resolv.conf on the node, parsed into the result."""

    def incomplete(self) -> Iterator[Finding]:
        if not self.ranges and self.subnet is None:
            yield Finding(("subnet",), "is missing: the subnet as a CIDR, or ranges for several")
        yield from super().incomplete()
        for index, members in enumerate(self.ranges):
            if not members:
                message = "is empty. Give it at least one subnet"
                yield Finding(("ranges", index), message)
            elif len({member.subnet.version for member in members}) > 1:
                message = "mixes IPv4 and IPv6: one inner list gives one address. Make two lists"
                yield Finding(("ranges", index), message)

    @property
    def sets(self) -> tuple[tuple[tuple[Path, Subnet], ...], ...]:
        """The sets of ranges with their paths, `subnet` in front (`LoadIPAMConfig`)."""
        flat = ((((), self),),) if self.subnet is not None else ()
        return (
            *flat,
            *(
                tuple((("ranges", index, place), one) for place, one in enumerate(members))
                for index, members in enumerate(self.ranges)
            ),
        )

    @property
    def _members(self) -> tuple[tuple[Path, Subnet], ...]:
        return tuple(member for members in self.sets for member in members)

    @property
    def gateways(self) -> tuple[Address, ...]:
        """Those that are named, without the plugin's guess."""
        named = (member.gateway for _, member in self._members)
        return known(*named, *(route.gw for route in self.routes))

    @property
    def default_hops(self) -> tuple[Address, ...]:
        return tuple(one.ip for one in self.bridge_addresses)

    @property
    def onlink(self) -> list[list[Cidr]]:
        return [[one.subnet for _, one in members if one.subnet] for members in self.sets]

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        return tuple(dict.fromkeys(member.bridge_address for _, member in self._members))

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """One for each subnet; a pod has an address of one subnet of each set."""
        return tuple(member.pool(path) for path, member in self._members)

    @property
    def capacity(self) -> int:
        """Addresses on each node."""
        return capacity(
            sum(member.pool(path).addresses.size for path, member in members)
            for members in self.sets
        )

    def render(self) -> dict[str, Any]:
        body = self.for_plugin(exclude={*Subnet.model_fields, "ranges"})
        fields = {*Subnet.model_fields}
        ranges = [[one.for_plugin(include=fields) for _, one in members] for members in self.sets]
        return {"type": self.type, "ranges": ranges} | body
