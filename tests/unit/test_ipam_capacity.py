"""Capacities against an oracle: go through a small prefix and ask which addresses are handed out.

Neither the gateway, nor what is excluded, nor a network's own addresses may ever be counted. What
Whereabouts is told must come to the same: its oracle reads the rendered JSON as the plugin does.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.addresses import Cidr
from tests.unit.test_ipam import CONF, local, wb

Json = dict[str, Any]


@st.composite
def limited(draw: st.DrawFn) -> tuple[Cidr, int, int, int | None]:
    """A small prefix, the offsets of its limits, and the gateway's."""
    base = ipaddress.ip_address(draw(st.sampled_from(["10.0.0.0", "fd00::"])))
    cidr = ipaddress.ip_network((int(base), base.max_prefixlen - draw(st.integers(2, 5))))
    inside = st.integers(1, cidr.num_addresses - 2)
    start, end = sorted(draw(st.tuples(inside, inside)))
    return cidr, start, end, draw(st.none() | inside)


def settings_of(cidr: Cidr, start: int, end: int, gateway: int | None) -> Json:
    fields = {"rangeStart": str(cidr[start]), "rangeEnd": str(cidr[end])}
    return fields | ({} if gateway is None else {"gateway": str(cidr[gateway])})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=limited())
def test_host_local_counts_what_the_plugin_hands_out(
    case: tuple[Cidr, int, int, int | None],
) -> None:
    cidr, start, end, gateway = case
    skipped = 1 if gateway is None else gateway
    handed = [offset for offset in range(start, end + 1) if offset != skipped]
    assume(handed)
    assert local(subnet=str(cidr), **settings_of(*case)).capacity == len(handed)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(case=limited(), data=st.data(), nested=st.booleans())
def test_whereabouts_counts_what_the_plugin_hands_out(
    case: tuple[Cidr, int, int, int | None], data: st.DataObject, *, nested: bool
) -> None:
    cidr, start, end, gateway = case
    inside = st.integers(0, cidr.num_addresses - 1)
    lengths = st.integers(cidr.prefixlen + 1, cidr.max_prefixlen)
    holes = [
        ipaddress.ip_network((int(cidr[offset]), length), strict=False)
        for offset, length in data.draw(st.lists(st.tuples(inside, lengths), max_size=3))
    ]
    handed = [
        offset
        for offset in range(start, end + 1)
        if offset != gateway and not any(cidr[offset] in hole for hole in holes)
    ]
    assume(handed)
    fields = settings_of(*case) | {"exclude": [str(hole) for hole in holes]}
    if nested:
        own = {key: fields.pop(key) for key in ("rangeStart", "rangeEnd", "exclude")}
        found = wb(**fields, ipRanges=[{"range": str(cidr), **own}])
    else:
        found = wb(range=str(cidr), **fields)
    assert found.capacity == len(handed)
    body = found.render(CONF)
    body = body["ipRanges"][0] if nested else body
    written = [ipaddress.ip_network(hole) for hole in body.get("exclude", [])]
    assert len(written) <= len(holes) + 1
    low, high = (ipaddress.ip_address(body[key]) for key in ("range_start", "range_end"))
    by_the_plugin = [
        offset
        for offset in range(1, cidr.num_addresses - 1)
        if int(low) <= int(cidr[offset]) <= int(high)
        and not any(cidr[offset] in hole for hole in written)
    ]
    assert by_the_plugin == handed
