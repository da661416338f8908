"""Whereabouts: addresses counted in the cluster, so that no two pods anywhere share one.

Fields and rules from k8snetworkplumbingwg/whereabouts 0.9.4, `pkg/types/types.go`,
`pkg/config/config.go`, `pkg/iphelpers`. Three things that its users stumble over are put right
here: the plugin never keeps its gateway for itself (issue 601 there), it drops limits outside
the range without a word, and on K3s it finds its configuration only where it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_interface
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from components.addresses import (
    Address,
    Addresses,
    AddressField,
    Cidr,
    CidrField,
    HoleField,
    Interface,
    Span,
    contains,
    meeting,
    single,
)
from components.faults import Fault, repeated
from components.forms import Form, NodePath
from components.ipam.common import (
    Dns,
    Pool,
    Route,
    capacity,
    gateway_faults,
    limit_faults,
    no_room,
    route_faults,
    special_faults,
    usable,
)
from components.model import Model

LONGEST_LEASE: Final = 600_000  # ten minutes; an ADD gives up after two

PoolName = Annotated[
    str,
    Form(
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        "a name has lower case letters, digits and -, at most 63, and starts and ends with a "
        "letter or digit",
    ),
]


class WhereaboutsRange(Model):
    """A range of addresses, with its limits and exclusions."""

    range: CidrField
    """The range as a CIDR without host bits; /30 (IPv6: /126) at the longest."""
    range_start: AddressField | None = None
    """First address to hand out; the range's first where it is left out."""
    range_end: AddressField | None = None
    """Last address to hand out; the range's last where it is left out."""
    exclude: tuple[HoleField, ...] = ()
    """CIDRs or addresses that are never handed out. The gateway is added by itself."""

    def faults(self) -> Iterator[Fault]:
        span = usable(self.range, last_of_v6=False)
        if span is None:
            yield no_room("range", self.range)
            return
        found = list(special_faults("range", self.range))
        found += list(limit_faults("range", span, self.range_start, self.range_end, self.range))
        for index, hole in enumerate(self.exclude):
            if hole.version != self.range.version or not hole.overlaps(self.range):
                found.append(Fault(("exclude", index), f"it is outside {self.range}", str(hole)))
        yield from found
        if not found and not self.spans():
            yield Fault(("exclude",), f"leaves nothing of {self.range} for pods")

    def limits(self) -> Span | None:
        span = usable(self.range, last_of_v6=False)
        return span and Span(self.range_start or span.first, self.range_end or span.last)

    def holes(self, kept: Iterable[Address]) -> tuple[Cidr, ...]:
        """The exclusions, with the addresses to keep back where the range would hand them out."""
        limits = self.limits()
        left = limits.without(self.exclude) if limits else ()
        known = Addresses((address, place) for place, address in enumerate(dict.fromkeys(kept)))
        lacking = sorted((place, one) for span in left for one, place in known.within(span))
        return (*self.exclude, *(single(address) for _, address in lacking))

    def spans(self, kept: Iterable[Address] = ()) -> tuple[Span, ...]:
        limits = self.limits()
        return limits.without(self.holes(kept)) if limits else ()

    def render(self, kept: Iterable[Address]) -> dict[str, Any]:
        body: dict[str, Any] = {"range": str(self.range)}
        if self.range_start is not None:
            body["range_start"] = str(self.range_start)
        if self.range_end is not None:
            body["range_end"] = str(self.range_end)
        if holes := self.holes(kept):
            body["exclude"] = [str(hole) for hole in holes]
        return body


class Whereabouts(Model):
    """Addresses by Whereabouts."""

    withheld: ClassVar[Mapping[str, str]] = {
        "subnet": "Whereabouts calls it range",
        "ranges": "Whereabouts calls it ipRanges, a plain list",
        "addresses": "every pod would get the same ones. Use a network of its own with static",
        "configurationPath": "it follows from the cluster's directories",
        "kubernetes": "the plugin's kubeconfig follows from the cluster's directories",
        "nodeSliceSize": "node slices need the node slice controller, which the chart cannot "
        "install on K3s",
        "reconcilerCronExpression": "in a network it does nothing",
        "sleepForRace": "it exists for the plugin's own tests",
        "datastore": "the plugin ignores it",
        "etcdHost": "the plugin ignores it",
    }

    type: Literal["whereabouts"] = "whereabouts"
    """whereabouts."""
    range: CidrField | None = None
    """The range as a CIDR without host bits; or give ipRanges."""
    range_start: AddressField | None = None
    """First address to hand out; the range's first where it is left out."""
    range_end: AddressField | None = None
    """Last address to hand out; the range's last where it is left out."""
    exclude: tuple[HoleField, ...] = ()
    """CIDRs or addresses that are never handed out. The gateway is added by itself."""
    ip_ranges: tuple[WhereaboutsRange, ...] = ()
    """Instead of range: several. Every pod gets one address of each; dual stack has two."""
    gateway: AddressField | None = None
    """The gateway, never handed out. Not with two families: it would be set on both."""
    routes: tuple[Route, ...] = ()
    """Routes for the pod."""
    dns: Dns | None = None
    """DNS data in the plugin's result."""
    network_name: PoolName | None = None
    """Name of the pool. Networks that name the same pool and range share its addresses."""
    enable_overlapping_ranges: bool = True
    """Let the plugin keep pools that overlap from handing out the same address."""
    leader_lease_duration: int = Field(default=1500, ge=1, le=LONGEST_LEASE)
    """Milliseconds that a holder of the allocation lease is believed alive."""
    leader_renew_deadline: int = Field(default=1000, ge=1, le=LONGEST_LEASE)
    """Milliseconds in which the holder must renew; less than the lease's."""
    leader_retry_period: int = Field(default=500, ge=1, le=LONGEST_LEASE)
    """Milliseconds between attempts; with jitter (1.2) less than the deadline."""
    log_file: NodePath | None = None
    """A log file on the node."""
    log_level: Literal["debug", "verbose", "error", "panic"] | None = None
    """How much the plugin logs."""

    def faults(self) -> Iterator[Fault]:
        if self.range is None and not self.ip_ranges:
            yield Fault(
                ("range",), "is missing: the range as a CIDR, or ipRanges for several", absence=True
            )
            return
        if self.ip_ranges:
            yield from self._beside_ip_ranges()
            yield from self._overlapping()
        if self.range is not None and (found := list(self._flat.faults())):
            yield from found
            return
        yield from self._gateway_faults()
        yield from route_faults(self.routes, [[entry.range] for entry in self._entries])
        yield from self._all_kept_back()
        yield from self._lease_faults()
        yield from self._pool_names()

    def _pool_names(self) -> Iterator[Fault]:
        """`normalizeRange` in pkg/storage/kubernetes/ipam.go: "::1:0/112" is pool "--1-0-112"."""
        for index, entry in enumerate(self._entries):
            if self.network_name is None and str(entry.range).startswith(":"):
                yield Fault(
                    ("ipRanges", index, "range") if self.ip_ranges else ("range",),
                    "the plugin names its pool after it, with - for each colon, and Kubernetes "
                    "takes no name that begins so. Set networkName, which then is in front",
                    str(entry.range),
                )

    def _beside_ip_ranges(self) -> Iterator[Fault]:
        for name, value in (
            ("range", self.range),
            ("rangeStart", self.range_start),
            ("rangeEnd", self.range_end),
        ):
            if value is not None:
                yield Fault(
                    (name,), "ipRanges is given. Put it inside an entry of ipRanges", str(value)
                )
        if self.exclude:
            yield Fault(
                ("exclude",),
                "the plugin ignores it beside ipRanges. Put it inside the entry that it is for",
                [str(hole) for hole in self.exclude],
            )

    def _overlapping(self) -> Iterator[Fault]:
        """Each entry gives the pod one more address, which must not be one that it has."""
        spans = [
            (index, span) for index, entry in enumerate(self.ip_ranges) for span in entry.spans()
        ]
        clashes = {
            spans[later][0]: spans[earlier][0]
            for later, earlier in sorted(meeting(span for _, span in spans).items(), reverse=True)
        }
        # One range is one pool, whatever its limits: the pod would be given what it has.
        clashes |= dict(repeated(entry.range for entry in self.ip_ranges))
        for second, first in sorted(clashes.items()):
            yield Fault(
                ("ipRanges", second, "range"),
                f"overlaps ipRanges[{first}], {self.ip_ranges[first].range}. Keep them apart",
                str(self.ip_ranges[second].range),
            )

    @property
    def gateways(self) -> tuple[Address, ...]:
        """The gateway and the next hops of routes: routers, all of them, and no pod's address."""
        named = (self.gateway, *(route.gw for route in self.routes))
        return tuple(dict.fromkeys(address for address in named if address is not None))

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        """What a bridge with isGateway takes: the gateway, once for each prefix that pods have."""
        if self.gateway is None:
            return ()
        prefixes = dict.fromkeys(entry.range.prefixlen for entry in self._entries)
        return tuple(ip_interface(f"{self.gateway}/{prefix}") for prefix in prefixes)

    def _gateway_faults(self) -> Iterator[Fault]:
        if self.gateway is None:
            return
        if len({entry.range.version for entry in self._entries}) > 1:
            yield Fault(
                ("gateway",),
                "the plugin would set it on the addresses of both families. Leave it out and "
                "write it as gw of a route",
                str(self.gateway),
            )
            return
        ranges = [entry.range for entry in self._entries]
        # A pod has an address of each range, so one range that holds the gateway is enough.
        around = [cidr for cidr in ranges if contains(cidr, self.gateway)]
        yield from gateway_faults(self.gateway, around or ranges[:1])

    def _all_kept_back(self) -> Iterator[Fault]:
        """Ranges of which routers take all that there is."""
        for index, entry in enumerate(self._entries):
            if entry.spans() and not entry.spans(self.gateways):
                path = ("ipRanges", index, "range") if self.ip_ranges else ("range",)
                taken = ", ".join(str(one) for one in self.gateways if contains(entry.range, one))
                yield Fault(
                    path, f"the gateway {taken} takes all that it hands out", str(entry.range)
                )

    def _lease_faults(self) -> Iterator[Fault]:
        if self.leader_lease_duration <= self.leader_renew_deadline:
            yield Fault(
                ("leaderLeaseDuration",),
                f"it must be more than leaderRenewDeadline ({self.leader_renew_deadline})",
                self.leader_lease_duration,
            )
        if self.leader_renew_deadline <= self.leader_retry_period * 1.2:
            yield Fault(
                ("leaderRenewDeadline",),
                f"it must be more than 1.2 times leaderRetryPeriod ({self.leader_retry_period})",
                self.leader_renew_deadline,
            )

    @property
    def _flat(self) -> WhereaboutsRange:
        assert self.range is not None  # checked: there is range, or ipRanges
        return WhereaboutsRange.model_construct(
            range=self.range,
            range_start=self.range_start,
            range_end=self.range_end,
            exclude=self.exclude,
        )

    @property
    def _entries(self) -> tuple[WhereaboutsRange, ...]:
        return self.ip_ranges or (self._flat,)

    @property
    def pools(self) -> tuple[Pool, ...]:
        return tuple(
            Pool(
                ("ipRanges", index, "range") if self.ip_ranges else ("range",),
                entry.range,
                entry.spans(self.gateways),
            )
            for index, entry in enumerate(self._entries)
        )

    @property
    def capacity(self) -> int:
        """Addresses in the whole cluster."""
        return capacity(pool.size for pool in self.pools)

    def render(self, configuration_path: str) -> dict[str, Any]:
        """CNI JSON; `configuration_path` is where the node's `whereabouts.conf` is."""
        body: dict[str, Any] = {"type": self.type, "configuration_path": configuration_path}
        if self.ip_ranges:
            body["ipRanges"] = [entry.render(self.gateways) for entry in self.ip_ranges]
        else:
            body |= self._flat.render(self.gateways)
        if self.gateway is not None:
            body["gateway"] = str(self.gateway)
        if self.routes:
            body["routes"] = [route.render() for route in self.routes]
        if self.dns is not None:
            body["dns"] = self.dns.render()
        return body | self._changed_settings()

    def _changed_settings(self) -> dict[str, Any]:
        """The plain settings under the plugin's names, where they differ from its defaults."""
        return {
            name: getattr(self, name)
            for name in (
                "network_name",
                "enable_overlapping_ranges",
                "leader_lease_duration",
                "leader_renew_deadline",
                "leader_retry_period",
                "log_file",
                "log_level",
            )
            if getattr(self, name) != type(self).model_fields[name].default
        }
