"""IP addresses, CIDRs and contiguous spans of addresses, as field types and as arithmetic.

The field types say what is wrong with a text in the field's own words and suggest what was
probably meant. IPv4-mapped IPv6 and zone ids are refused: no CNI plugin reads them.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from components.faults import Fault, FaultsError

T = TypeVar("T")
Address = IPv4Address | IPv6Address
Cidr = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface


@dataclass(frozen=True, order=True)
class Span:
    """All addresses from `first` to `last`, both included, of one family."""

    first: Address
    last: Address

    def __contains__(self, address: object) -> bool:
        return (
            isinstance(address, IPv4Address | IPv6Address)
            and address.version == self.first.version
            and int(self.first) <= int(address) <= int(self.last)
        )

    def overlaps(self, other: Span) -> bool:
        return (
            self.first.version == other.first.version
            and int(self.first) <= int(other.last)
            and int(other.first) <= int(self.last)
        )

    @property
    def size(self) -> int:
        return int(self.last) - int(self.first) + 1

    def without(self, holes: Iterable[Cidr]) -> tuple[Span, ...]:
        """What is left of the span when the holes are cut out, in ascending order."""
        left: list[Span] = []
        start, end = int(self.first), int(self.last)
        family = type(self.first)
        same = [hole for hole in holes if hole.version == self.first.version]
        for hole in sorted(same, key=lambda hole: int(hole.network_address)):
            low, high = int(hole.network_address), int(hole.broadcast_address)
            if high < start or low > end:
                continue
            if low > start:
                left.append(Span(family(start), family(low - 1)))
            start = high + 1
        if start <= end:
            left.append(Span(family(start), family(end)))
        return tuple(left)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


class Addresses(Generic[T]):
    """Addresses, each with what it is known for, to be looked up by span."""

    def __init__(self, known: Iterable[tuple[Address, T]]) -> None:
        self._known: dict[int, list[tuple[Address, T]]] = {4: [], 6: []}
        for one in known:
            self._known[one[0].version].append(one)
        for family in self._known.values():
            family.sort(key=_number)

    def within(self, span: Span) -> Iterator[tuple[Address, T]]:
        """Those inside of the span, in ascending order."""
        family = self._known[span.first.version]
        start = bisect_left(family, int(span.first), key=_number)
        end = bisect_right(family, int(span.last), key=_number)
        yield from family[start:end]


def _number(known: tuple[Address, Any]) -> int:
    return int(known[0])


def meeting(spans: Iterable[Span]) -> dict[int, int]:
    """Index of each span that overlaps an earlier one, with the first such one's index.

    A sweep in order of the spans' first addresses: disjoint ones cost a sort.
    """
    found: dict[int, int] = {}
    active: list[tuple[int, Span]] = []
    for index, span in sorted(
        enumerate(spans), key=lambda one: (one[1].first.version, int(one[1].first))
    ):
        active = [one for one in active if one[1].overlaps(span)]
        for other, _ in active:
            earlier, later = sorted((index, other))
            found[later] = min(earlier, found.get(later, earlier))
        active.append((index, span))
    return found


def single(address: Address) -> Cidr:
    """The address alone, as a /32 or /128."""
    return ipaddress.ip_network(address)


def contains(cidr: Cidr, address: Address) -> bool:
    """Whether the address is of the CIDR's family and inside it."""
    return cidr.version == address.version and address in cidr


def _fault(rule: str, value: object) -> FaultsError:
    return FaultsError([Fault((), rule, value)])


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _fault(f"{what} is a text such as {_EXAMPLES[what]}", value)
    text = value.strip()
    address, slash, prefix = text.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,3}", prefix):
        raise _fault("the prefix length is a number of bits, like the 24 in 192.168.20.0/24", value)
    mapped = _mapped(address)
    if mapped is not None:
        raise _fault(f'an IPv4 address is written plainly: "{mapped}"', value)
    if "%" in text:
        raise _fault(
            "an address with a zone means something on one machine only. Leave it out", value
        )
    return text


_EXAMPLES = {
    "an address": '"192.168.20.1" or "fd00:20::1"',
    "a range": '"192.168.20.0/24" or "fd00:20::/64"',
    "an address with its prefix": '"192.168.20.5/24" or "fd00:20::5/64"',
}


def _mapped(text: str) -> IPv4Address | None:
    """The IPv4 address inside an IPv4-mapped IPv6 one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped if isinstance(address, IPv6Address) else None


def _address(value: Any) -> Address:
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    text = _text(value, "an address")
    if "/" in text:
        bare = text.partition("/")[0]
        try:
            meant = ipaddress.ip_address(bare)
        except ValueError as error:
            raise _not_an_address(value) from error
        raise _fault(f'a single address takes no prefix. Did you mean "{meant}"?', value)
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise _not_an_address(value) from error


def _not_an_address(value: object) -> FaultsError:
    return _fault(f"that is not an IP address. Write it like {_EXAMPLES['an address']}", value)


def _cidr(value: Any) -> Cidr:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = _text(value, "a range")
    if re.fullmatch(r"[0-9a-fA-F.:]+-[0-9a-fA-F.:]+(/[0-9]+)?", text):
        raise _fault(
            "that is two addresses. Write the CIDR here, and rangeStart and rangeEnd", value
        )
    if "/" not in text:
        raise _missing_prefix(text, value)
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise _fault(
                f"that is not a range. Write it like {_EXAMPLES['a range']}", value
            ) from error
        raise _fault(
            f'a range must not have host bits set. Did you mean "{meant}"?', value
        ) from error


def _missing_prefix(text: str, value: Any) -> FaultsError:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _fault(f"that is not a range. Write it like {_EXAMPLES['a range']}", value)
    meant = ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False)
    return _fault(f'a range needs its prefix length. Did you mean "{meant}"?', value)


def _hole(value: Any) -> Cidr:
    """An `exclude` entry: a CIDR, or a bare address which stands for itself alone."""
    if isinstance(value, str) and "/" not in value:
        return single(_address(value))
    return _cidr(value)


def _interface(value: Any) -> Interface:
    if isinstance(value, IPv4Interface | IPv6Interface):
        return value
    text = _text(value, "an address with its prefix")
    if "/" not in text:
        try:
            plain = ipaddress.ip_address(text)
        except ValueError:
            plain = None
        if plain is not None:
            meant = f"{plain}/{24 if plain.version == 4 else 64}"
            raise _fault(f'the prefix length is missing. Did you mean "{meant}"?', value)
    try:
        return ipaddress.ip_interface(text)
    except ValueError as error:
        raise _fault(
            "that is not an address with its prefix. Write it like "
            f"{_EXAMPLES['an address with its prefix']}",
            value,
        ) from error


def _string_schema(example: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


_AS_TEXT = PlainSerializer(str, return_type=str)
_IP = r"^\s*([0-9.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)"

AddressField = Annotated[
    Address,
    BeforeValidator(_address),
    _AS_TEXT,
    _string_schema("192.168.20.1", _IP + r"\s*$"),
]
CidrField = Annotated[
    Cidr,
    BeforeValidator(_cidr),
    _AS_TEXT,
    _string_schema("192.168.20.0/24", _IP + r"/[0-9]{1,3}\s*$"),
]
HoleField = Annotated[
    Cidr,
    BeforeValidator(_hole),
    _AS_TEXT,
    _string_schema("192.168.20.128/25", _IP + r"(/[0-9]{1,3})?\s*$"),
]
InterfaceField = Annotated[
    Interface,
    BeforeValidator(_interface),
    _AS_TEXT,
    _string_schema("192.168.20.5/24", _IP + r"/[0-9]{1,3}\s*$"),
]
