"""Whereabouts: addresses counted in the cluster, so that no two pods anywhere share one.

Fields and rules from k8snetworkplumbingwg/whereabouts 0.9.4, `pkg/types/types.go`,
`pkg/config/config.go`, `pkg/iphelpers`. Two things that its users stumble over are put right in
typed networks: the plugin hands out its own gateway (issue 601 there), and on K3s it finds its
settings only where it is told. A raw network is read as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import AliasGenerator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ..addresses import (
    Address,
    Cidr,
    ExclusionField,
    Interface,
    RangeField,
    SloppyAddressField,
)
from ..cluster import WHEREABOUTS_CONF
from ..fields import Name, NodePath
from ..findings import Finding
from ..model import Model
from .base import Dns, Pool, Routed, alone, bridge_address, capacity, known, no_room, usable

# In CNI JSON the plugin's keys are in snake case.
SNAKE_CASE: Final = ConfigDict(
    alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=str)
)
LONGEST_LEASE: Final = 600_000  # ten minutes; an ADD gives up after two

Milliseconds = Annotated[int, Field(ge=1, le=LONGEST_LEASE)]


class Limits(Model):
    """What a range and the flat form of it have in common."""

    model_config = SNAKE_CASE

    range: RangeField = None
    """The range: a CIDR, /30 (IPv6: /126) at the longest, or FIRST-LAST/PREFIX."""
    range_start: SloppyAddressField | None = None
    """First address to hand out; the range's first where it is left out."""
    range_end: SloppyAddressField | None = None
    """Last address to hand out; the range's last where it is left out."""
    exclude: tuple[ExclusionField, ...] = ()
    """CIDRs or addresses that are never handed out. The gateway is added by itself."""

    def incomplete(self) -> Iterator[Finding]:
        if self.range is None:
            return
        network = self.range.network
        if usable(network, last_of_v6=False) is None:
            yield no_room("range", network)
        for key, limit in (("rangeStart", self.range_start), ("rangeEnd", self.range_end)):
            if limit is not None and limit.version != network.version:
                message = f"the range {network} is of the other family, and the plugin stops"
                yield Finding((key,), message, str(limit))

    @property
    def cidr(self) -> Cidr:
        found: Cidr = self.range.network  # asked for entries with a range only
        return found

    def limits(self) -> tuple[Address, Address]:
        """First and last address as the plugin takes them: it ignores limits outside the range.

        `GetIPRange` in pkg/iphelpers; FIRST-LAST/PREFIX wins over both (`LoadIPAMConfig`).
        """
        found = usable(self.cidr, last_of_v6=False)
        assert found  # `incomplete` let it through
        first, last = found
        start, end = self.range_start, self.range_end
        if self.range.first is not None:
            start, end = self.range.first, self.range.last
        first = start if start is not None and first <= start <= last else first  # type: ignore[operator]
        return first, end if end is not None and first <= end <= last else last  # type: ignore[operator]


L = TypeVar("L", bound=Limits)


class WhereaboutsRange(Limits):
    """A range of addresses, with its limits and exclusions."""

    range: RangeField


class KubernetesAccess(Model):
    """How the plugin reaches the API server."""

    model_config = SNAKE_CASE

    kubeconfig: str | None = None
    """A kubeconfig on every node."""
    k8s_api_root: str | None = Field(default=None, validation_alias="k8sApiRoot")
    """URL of the API server."""


class Whereabouts(Routed, Limits):
    """Addresses by Whereabouts."""

    model_config = SNAKE_CASE
    hints: ClassVar[Mapping[str, str]] = {
        "subnet": "Whereabouts calls it range",
        "ranges": "Whereabouts calls it ipRanges, a plain list",
        "addresses": "every pod would get the same ones. Use a network of its own with static",
        "reconcilerCronExpression": "in a network it does nothing. Use multus:reconcilerSchedule",
        "sleepForRace": "it exists for the plugin's own tests",
        "datastore": "the plugin ignores it",
        "etcdHost": "the plugin ignores it",
    }
    passed_on = frozenset(
        ("name", "datastore", "addresses", "sleep_for_race", "reconciler_cron_expression")
    )

    type: Literal["whereabouts"] = "whereabouts"
    ip_ranges: tuple[WhereaboutsRange, ...] = Field(default=(), serialization_alias="ipRanges")
    """Further ranges. Every pod gets one address of each; dual stack has two."""
    gateway: SloppyAddressField | None = None
    """The gateway, never handed out. Not with two families: it would be set on both."""
    dns: Dns | None = None
    """DNS data in the plugin's result."""
    network_name: Name | None = None
    """Name of the pool. Networks that name the same pool and range share its addresses."""
    enable_overlapping_ranges: bool = True
    """Let the plugin keep pools that overlap from handing out the same address."""
    leader_lease_duration: Milliseconds = 1500
    """Milliseconds that a holder of the allocation lease is believed alive."""
    leader_renew_deadline: Milliseconds = 1000
    """Milliseconds in which the holder must renew; less than the lease's."""
    leader_retry_period: Milliseconds = 500
    """Milliseconds between attempts; with jitter (1.2) less than the deadline."""
    log_file: NodePath | None = None
    """A log file on the node."""
    log_level: str | None = None
    """How much the plugin logs: debug, verbose, error or panic."""
    configuration_path: str | None = None
    """Where the nodes have whereabouts.conf; the program knows it."""
    kubernetes: KubernetesAccess | None = None
    """The plugin's own kubeconfig; the one of its settings where it is left out."""
    node_slice_size: str | None = None
    """Size of a node's share of the range; needs Whereabouts' node slice controller."""

    def incomplete(self) -> Iterator[Finding]:
        if self.range is None and not self.ip_ranges:
            yield Finding(("range",), "is missing: the range, or ipRanges for several")
        yield from super().incomplete()

    @property
    def entries(self) -> tuple[tuple[tuple[str | int, ...], Limits], ...]:
        """The ranges with their paths: `range` in front (`LoadIPAMConfig` in pkg/config)."""
        flat = (((), self),) if self.range is not None else ()
        return (*flat, *((("ipRanges", index), one) for index, one in enumerate(self.ip_ranges)))

    @property
    def default_hops(self) -> tuple[Address, ...]:
        return known(self.gateway)

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        """The gateway, or the first address of each range, with the range's prefix."""
        found = (bridge_address(self.gateway, one.cidr) for _, one in self.entries)
        return tuple(dict.fromkeys(found))

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """A typed network keeps its routers back; the plugin by itself does not."""
        kept = () if self._of_plugin else tuple(alone(one) for one in self.gateways)
        return tuple(
            Pool((*path, "range"), one.cidr, *one.limits(), (*one.exclude, *kept), str(one.range))
            for path, one in self.entries
        )

    @property
    def capacity(self) -> int:
        """Addresses in the whole cluster."""
        return capacity(pool.addresses.size for pool in self.pools)

    def render(self) -> dict[str, Any]:
        """CNI JSON, with the routers excluded where the plugin would hand them out."""
        ranges = tuple(self._without_routers(one) for one in self.ip_ranges)
        whole = self._without_routers(self).model_copy(update={"ip_ranges": ranges})
        head = {"type": self.type, "configuration_path": WHEREABOUTS_CONF}
        return head | whole.for_plugin()

    def _without_routers(self, entry: L) -> L:
        if entry.range is None:
            return entry
        pool = Pool((), entry.cidr, *entry.limits(), entry.exclude)
        lacking = (alone(one) for one in self.gateways if pool.hands_out(one))
        return entry.model_copy(update={"exclude": (*entry.exclude, *lacking)})
