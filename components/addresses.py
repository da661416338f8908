"""IP addresses, CIDRs and ranges as types of settings.

IPv4-mapped IPv6 and zone ids are refused: no CNI plugin reads them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Annotated, Any, Final

from pydantic import Field, PlainSerializer

from .fields import Checked
from .findings import FindingsError, invalid

Address = IPv4Address | IPv6Address
Cidr = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface


EXAMPLES: Final = {
    "an address": '"192.168.20.1" or "fd00:20::1"',
    "a range": '"192.168.20.0/24" or "fd00:20::/64"',
    "an address with its prefix": '"192.168.20.5/24" or "fd00:20::5/64"',
}


def _plain(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"{what} is a text such as {EXAMPLES[what]}", value)
    found = value.strip()
    address, slash, prefix = found.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,3}", prefix):
        rule = "the prefix length is a number of bits, like the 24 in 192.168.20.0/24"
        raise invalid(rule, value)
    meant = _parsed(ipaddress.ip_address, address)
    if isinstance(meant, IPv6Address) and meant.ipv4_mapped is not None:
        raise invalid(f'an IPv4 address is written plainly: "{meant.ipv4_mapped}"', value)
    if "%" in found:
        rule = "an address with a zone means something on one machine only. Leave it out"
        raise invalid(rule, value)
    return found


def _parsed(kind: Callable[[str], Any], value: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        return None


def _not(what: str, value: object) -> FindingsError:
    said = {"an address": "an IP address"}.get(what, what)
    return invalid(f"that is not {said}. Write it like {EXAMPLES[what]}", value)


def _address(value: Any) -> Address:
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    found = _plain(value, "an address")
    bare = found.partition("/")[0]
    parsed: Address | None = _parsed(ipaddress.ip_address, bare)
    if parsed is None:
        raise _not("an address", value)
    if "/" in found:
        raise invalid(f'a single address takes no prefix. Did you mean "{parsed}"?', value)
    return parsed


def _network(value: Any) -> tuple[Cidr, str]:
    """A CIDR with what is written, which may have host bits set."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value, str(value)
    found = _plain(value, "a range")
    if "/" not in found:
        address = _parsed(ipaddress.ip_address, found)
        if address is None:
            raise _not("a range", value)
        meant = ipaddress.ip_network(f"{found}/{24 if address.version == 4 else 64}", strict=False)
        raise invalid(f'a range needs its prefix length. Did you mean "{meant}"?', value)
    network = _parsed(lambda written: ipaddress.ip_network(written, strict=False), found)
    if network is None:
        raise _not("a range", value)
    return network, found


def _cidr(value: Any) -> Cidr:
    network, written = _network(value)
    if _parsed(ipaddress.ip_network, written) is None:
        raise invalid(f'a range must not have host bits set. Did you mean "{network}"?', value)
    return network


def _exclusion(value: Any) -> Cidr:
    """A CIDR, or a bare address which stands for itself alone."""
    if isinstance(value, str) and "/" not in value:
        return ipaddress.ip_network(_address(value))
    return _network(value)[0]


def _with_prefix(value: Any) -> Interface:
    if isinstance(value, IPv4Interface | IPv6Interface):
        return value
    found = _plain(value, "an address with its prefix")
    parsed: Interface | None = _parsed(ipaddress.ip_interface, found)
    if parsed is None:
        raise _not("an address with its prefix", value)
    if "/" not in found:
        meant = f"{parsed.ip}/{24 if parsed.version == 4 else 64}"
        raise invalid(f'the prefix length is missing. Did you mean "{meant}"?', value)
    return parsed


@dataclass(frozen=True)
class AddressRange:
    """A range as Whereabouts reads it: a CIDR, one with host bits, or FIRST-LAST/PREFIX."""

    network: Cidr
    written: str
    first: Address | None = None
    last: Address | None = None

    def __str__(self) -> str:
        return self.written


def _range(value: Any) -> AddressRange:
    if isinstance(value, AddressRange):
        return value
    match = re.fullmatch(r"\s*([0-9a-fA-F.:]+)-(\S+)\s*", value) if isinstance(value, str) else None
    if match is None:
        return AddressRange(*_network(value))
    first, last = _address(match[1]), _with_prefix(match[2])
    if first not in last.network:
        raise invalid(f"{first} is outside {last.network}. Write FIRST-LAST/PREFIX", value)
    return AddressRange(last.network, value.strip(), first, last.ip)


_AS_TEXT: Final = PlainSerializer(str, return_type=str)
_IP: Final = r"^\s*([0-9.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)"
_PREFIX: Final = r"/[0-9]{1,3}\s*$"


def _written(check: Callable[[Any], Any], pattern: str, example: str) -> Checked:
    return Checked(check, {"type": "string", "pattern": pattern, "examples": [example]})


AddressField = Annotated[Address, _AS_TEXT, _written(_address, _IP + r"\s*$", "192.168.20.1")]
CidrField = Annotated[Cidr, _AS_TEXT, _written(_cidr, _IP + _PREFIX, "192.168.20.0/24")]
ExclusionField = Annotated[
    Cidr, _AS_TEXT, _written(_exclusion, _IP + r"(/[0-9]{1,3})?\s*$", "192.168.20.128/25")
]
InterfaceField = Annotated[
    Interface, _AS_TEXT, _written(_with_prefix, _IP + _PREFIX, "192.168.20.5/24")
]
RangeField = Annotated[
    Any,  # an AddressRange; a program may also give a network or a text
    _AS_TEXT,
    _written(_range, r"^\s*[0-9A-Fa-f.:]+(-[0-9A-Fa-f.:]+)?" + _PREFIX, "192.168.20.0/24"),
]
Cidrs = Annotated[tuple[CidrField, ...], Field(min_length=1)]


def contains(cidr: Cidr, address: Address) -> bool:
    """Whether the address is of the CIDR's family and inside it."""
    return cidr.version == address.version and address in cidr


def overlap(one: Cidr, other: Cidr) -> bool:
    """Whether two CIDRs of one family have an address in common."""
    return one.version == other.version and one.overlaps(other)


def versions_of(cidrs: Iterable[Cidr]) -> set[int]:
    """The families, 4 and 6, that there are."""
    return {one.version for one in cidrs}
