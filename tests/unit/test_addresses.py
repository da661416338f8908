"""Addresses: what the field types take, what they say to the rest, and arithmetic on spans.

The arithmetic is compared with a plain set of addresses, which is too slow for the program and
too simple to be wrong.
"""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from components.addresses import (
    Address,
    Addresses,
    AddressField,
    Cidr,
    CidrField,
    HoleField,
    InterfaceField,
    Span,
    contains,
    meeting,
    single,
)

ADDRESS: TypeAdapter[Any] = TypeAdapter(AddressField)
CIDR: TypeAdapter[Any] = TypeAdapter(CidrField)
HOLE: TypeAdapter[Any] = TypeAdapter(HoleField)
INTERFACE: TypeAdapter[Any] = TypeAdapter(InterfaceField)

TAKEN = [
    (ADDRESS, "192.168.20.1", "192.168.20.1"),
    (ADDRESS, " 192.168.20.1 ", "192.168.20.1"),
    (ADDRESS, "FD00:20:0::1", "fd00:20::1"),
    (CIDR, "192.168.20.0/24", "192.168.20.0/24"),
    (CIDR, "fd00:20:0:0::/64", "fd00:20::/64"),
    (CIDR, "0.0.0.0/0", "0.0.0.0/0"),
    (HOLE, "192.168.20.9", "192.168.20.9/32"),
    (HOLE, "fd00::9", "fd00::9/128"),
    (HOLE, "192.168.20.8/29", "192.168.20.8/29"),
    (INTERFACE, "192.168.20.5/24", "192.168.20.5/24"),
    (INTERFACE, "fd00::5/64", "fd00::5/64"),
]


@pytest.mark.parametrize(("kind", "text", "canonical"), TAKEN)
def test_takes_and_writes_canonically(kind: TypeAdapter[Any], text: str, canonical: str) -> None:
    value = kind.validate_python(text)
    assert kind.dump_python(value, mode="json") == canonical
    assert kind.validate_python(value) == value


REFUSED = [
    (ADDRESS, "192.168.20.256", "that is not an IP address"),
    (ADDRESS, "192.168.020.1", "that is not an IP address"),
    (ADDRESS, "", "that is not an IP address"),
    (ADDRESS, "192.168.20.1/24", 'Did you mean "192.168.20.1"?'),
    (ADDRESS, "::ffff:192.168.20.1", 'an IPv4 address is written plainly: "192.168.20.1"'),
    (ADDRESS, "fe80::1%eth0", "an address with a zone means something on one machine only"),
    (ADDRESS, 3232240641, "an address is a text such as"),
    (ADDRESS, None, "an address is a text such as"),
    (ADDRESS, ["192.168.20.1"], "an address is a text such as"),
    (CIDR, "192.168.20.7/24", 'Did you mean "192.168.20.0/24"?'),
    (CIDR, "fd00:20::1/64", 'Did you mean "fd00:20::/64"?'),
    (CIDR, "192.168.20.7", 'Did you mean "192.168.20.0/24"?'),
    (CIDR, "fd00:20::1", 'Did you mean "fd00:20::/64"?'),
    (CIDR, "192.168.20.0/33", "that is not a range"),
    (CIDR, "192.168.20.10-192.168.20.20/24", "that is two addresses"),
    (CIDR, "192.168.20.0/24/24", "a number of bits"),
    (CIDR, "lan", "that is not a range"),
    (CIDR, 24, "a range is a text such as"),
    (HOLE, "192.168.20.300", "that is not an IP address"),
    (HOLE, "192.168.20.9/24", 'Did you mean "192.168.20.0/24"?'),
    (HOLE, 9, "a range is a text such as"),
    (INTERFACE, "192.168.20.5", 'Did you mean "192.168.20.5/24"?'),
    (INTERFACE, "fd00::5", 'Did you mean "fd00::5/64"?'),
    (INTERFACE, "192.168.20.5/33", "that is not an address with its prefix"),
    (INTERFACE, "lan", "that is not an address with its prefix"),
    (INTERFACE, True, "an address with its prefix is a text such as"),
]


@pytest.mark.parametrize(("kind", "value", "said"), REFUSED)
def test_refuses_in_the_fields_own_words(kind: TypeAdapter[Any], value: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.validate_python(value)
    assert said in str(caught.value)


def test_families_never_meet() -> None:
    four, six = ipaddress.ip_address("0.0.0.1"), ipaddress.ip_address("::1")
    span = Span(four, four)
    assert six not in span
    assert "0.0.0.1" not in span
    assert not span.overlaps(Span(six, six))
    assert span.without([single(six)]) == (span,)
    assert not contains(ipaddress.ip_network("0.0.0.0/0"), six)
    assert contains(ipaddress.ip_network("0.0.0.0/0"), four)


def test_reads_well() -> None:
    first, last = ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.9")
    assert str(Span(first, last)) == "10.0.0.1 to 10.0.0.9"
    assert str(Span(first, first)) == "10.0.0.1"
    assert str(single(first)) == "10.0.0.1/32"


BASES = st.sampled_from(["10.0.0.0", "255.255.255.0", "fd00::", "::"])


@st.composite
def spans(draw: st.DrawFn, base: str) -> Span:
    start = ipaddress.ip_address(base)
    low, high = sorted(draw(st.tuples(st.integers(0, 255), st.integers(0, 255))))
    return Span(start + low, start + high)


@st.composite
def holes(draw: st.DrawFn, base: str) -> Cidr:
    start = ipaddress.ip_address(base)
    length = start.max_prefixlen - draw(st.integers(0, 8))
    return ipaddress.ip_network((int(start) + draw(st.integers(0, 255)), length), strict=False)


def members(span: Span) -> set[Address]:
    return {span.first + offset for offset in range(span.size)}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), base=BASES)
def test_arithmetic_is_that_of_sets(data: st.DataObject, base: str) -> None:
    one, two = data.draw(spans(base)), data.draw(spans(base))
    cut = data.draw(st.lists(holes(base), max_size=5))
    gone = {address for address in members(one) if any(address in hole for hole in cut)}
    left = one.without(cut)
    assert one.overlaps(two) == bool(members(one) & members(two))
    assert set().union(*(members(span) for span in left)) == members(one) - gone
    assert sum(span.size for span in left) == len(members(one) - gone)
    for before, after in pairwise(left):
        assert int(before.last) + 1 < int(after.first)


@given(data=st.data())
def test_looks_up_and_meets_as_one_by_one_would(data: st.DataObject) -> None:
    some = data.draw(st.lists(st.one_of(spans("10.0.0.0"), spans("fd00::")), max_size=8))
    known = [(one, place) for place, span in enumerate(some) for one in (span.first, span.last)]
    looked_up = Addresses(known)
    for span in some:
        assert sorted(looked_up.within(span), key=str) == sorted(
            (one for one in known if one[0] in span), key=str
        )
    assert meeting(some) == {
        later: earlier
        for later, span in enumerate(some)
        for earlier in reversed(range(later))
        if some[earlier].overlaps(span)
    }
