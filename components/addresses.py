"""IP addresses, CIDRs and ranges as types of settings.

An IPv4-mapped address is the IPv4 address that it holds, as Go reads it. Such CIDRs and zone ids
are refused: no CNI plugin reads them.
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
from .findings import invalid

Address = IPv4Address | IPv6Address
Cidr = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface


EXAMPLES: Final = {
    "an address": '"192.168.20.1" or "fd00:20::1"',
    "a range": '"192.168.20.0/24" or "fd00:20::/64"',
    "an address with its prefix": '"192.168.20.5/24" or "fd00:20::5/64"',
}


def _read(kind: Callable[[str], Any], what: str, value: Any) -> tuple[Any, str]:
    """What the text stands for, and the text."""
    if not isinstance(value, str):
        raise invalid(f"{what} is a text such as {EXAMPLES[what]}", value)
    text = value.strip()
    address, slash, prefix = text.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,3}", prefix):
        rule = "the prefix length is a number of bits, like the 24 in 192.168.20.0/24"
        raise invalid(rule, value)
    alone = _parsed(ipaddress.ip_address, address)
    if what != "an address" and isinstance(alone, IPv6Address) and alone.ipv4_mapped:
        raise invalid(f'an IPv4 address is written plainly: "{alone.ipv4_mapped}"', value)
    if "%" in text:
        rule = "an address with a zone means something on one machine only. Leave it out"
        raise invalid(rule, value)
    found = _parsed(kind, text)
    if found is None:
        said = "an IP address" if what == "an address" else what
        raise invalid(f"that is not {said}. Write it like {EXAMPLES[what]}", value)
    return found, text


def _parsed(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None


def _with_host_bits(text: str) -> Cidr:
    return ipaddress.ip_network(text, strict=False)


def _usual(address: Address) -> str:
    """The address with the prefix that most networks of its family have."""
    return f"{address}/{24 if address.version == 4 else 64}"


def _address(value: Any) -> Address:
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    found, text = _read(ipaddress.ip_interface, "an address", value)
    if "/" in text:
        raise invalid(f'a single address takes no prefix. Did you mean "{found.ip}"?', value)
    address: Address = found.ip
    return getattr(address, "ipv4_mapped", None) or address


def _network(value: Any) -> tuple[Cidr, str]:
    """A CIDR with what is written, which may have host bits set."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value, str(value)
    found, text = _read(_with_host_bits, "a range", value)
    if "/" not in text:
        meant = _with_host_bits(_usual(found.network_address))
        raise invalid(f'a range needs its prefix length. Did you mean "{meant}"?', value)
    return found, text


def _cidr(value: Any) -> Cidr:
    network, text = _network(value)
    if _parsed(ipaddress.ip_network, text) is None:
        raise invalid(f'a range must not have host bits set. Did you mean "{network}"?', value)
    return network


def _destination(value: Any) -> Cidr:
    """The kernel clears host bits of an IPv6 destination, and refuses them in IPv4."""
    network = _network(value)[0]
    return network if network.version == 6 else _cidr(value)


def _exclusion(value: Any) -> Cidr:
    """A CIDR, or a bare address which stands for itself alone."""
    found: Cidr
    if isinstance(value, str) and "/" not in value:
        found, _ = _read(ipaddress.ip_network, "a range", value)
        return found
    return _network(value)[0]


def _with_prefix(value: Any) -> Interface:
    if isinstance(value, IPv4Interface | IPv6Interface):
        return value
    found: Interface
    found, text = _read(ipaddress.ip_interface, "an address with its prefix", value)
    if "/" not in text:
        meant = _usual(found.ip)
        raise invalid(f'the prefix length is missing. Did you mean "{meant}"?', value)
    return found


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


def _sloppy(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """With leading zeros in IPv4, which count for nothing (`ParseIPSloppy` in k8s.io/utils/net)."""

    def checked(value: Any) -> Any:
        dotted = isinstance(value, str) and "." in value
        return check(re.sub(r"(?<![0-9a-fA-F:])0+(?=[0-9])", "", value) if dotted else value)

    return checked


_AS_TEXT: Final = PlainSerializer(str, return_type=str)
_IP: Final = r"^\s*([0-9.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)"
_PREFIX: Final = r"/[0-9]{1,3}\s*$"


def _written(check: Callable[[Any], Any], pattern: str, example: str) -> Checked:
    return Checked(check, {"type": "string", "pattern": pattern, "examples": [example]})


_ADDRESS: Final = (_IP + r"\s*$", "192.168.20.1")

AddressField = Annotated[Address, _AS_TEXT, _written(_address, *_ADDRESS)]
CidrField = Annotated[Cidr, _AS_TEXT, _written(_cidr, _IP + _PREFIX, "192.168.20.0/24")]
DestinationField = Annotated[Cidr, _AS_TEXT, _written(_destination, _IP + _PREFIX, "10.0.0.0/8")]
ExclusionField = Annotated[
    Cidr, _AS_TEXT, _written(_exclusion, _IP + r"(/[0-9]{1,3})?\s*$", "192.168.20.128/25")
]
InterfaceField = Annotated[
    Interface, _AS_TEXT, _written(_with_prefix, _IP + _PREFIX, "192.168.20.5/24")
]
SloppyAddressField = Annotated[Address, _AS_TEXT, _written(_sloppy(_address), *_ADDRESS)]
RangeField = Annotated[
    Any,  # an AddressRange; a program may also give a network or a text
    _AS_TEXT,
    _written(_sloppy(_range), r"^\s*[0-9A-Fa-f.:]+(-[0-9A-Fa-f.:]+)?" + _PREFIX, "192.168.20.0/24"),
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
