"""Addresses: what the field types take, and what they say to the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.addresses import (
    AddressField,
    CidrField,
    ExclusionField,
    InterfaceField,
    RangeField,
)

ADDRESS: TypeAdapter[Any] = TypeAdapter(AddressField)
CIDR: TypeAdapter[Any] = TypeAdapter(CidrField)
EXCLUSION: TypeAdapter[Any] = TypeAdapter(ExclusionField)
INTERFACE: TypeAdapter[Any] = TypeAdapter(InterfaceField)

RANGE: TypeAdapter[Any] = TypeAdapter(RangeField)

TAKEN = [
    (ADDRESS, "192.168.20.1", "192.168.20.1"),
    (ADDRESS, " 192.168.20.1 ", "192.168.20.1"),
    (ADDRESS, "FD00:20:0::1", "fd00:20::1"),
    (CIDR, "192.168.20.0/24", "192.168.20.0/24"),
    (CIDR, "fd00:20:0:0::/64", "fd00:20::/64"),
    (CIDR, "0.0.0.0/0", "0.0.0.0/0"),
    (EXCLUSION, "192.168.20.9", "192.168.20.9/32"),
    (EXCLUSION, "fd00::9", "fd00::9/128"),
    (EXCLUSION, "192.168.20.8/29", "192.168.20.8/29"),
    (INTERFACE, "192.168.20.5/24", "192.168.20.5/24"),
    (INTERFACE, "fd00::5/64", "fd00::5/64"),
    (EXCLUSION, "192.168.20.9/24", "192.168.20.0/24"),  # Go's net.ParseCIDR drops the host bits
    (RANGE, "192.168.20.0/24", "192.168.20.0/24"),
    (RANGE, "192.168.20.1/24", "192.168.20.1/24"),
    (RANGE, "192.168.20.10-192.168.20.20/24", "192.168.20.10-192.168.20.20/24"),
    (RANGE, "fd00::10-fd00::20/64", "fd00::10-fd00::20/64"),
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
    (CIDR, "192.168.20.10-192.168.20.20/24", "that is not a range"),
    (RANGE, "192.168.20.10-192.168.30.20/24", "is outside 192.168.30.0/24"),
    (RANGE, "192.168.20.10-192.168.20.20", 'Did you mean "192.168.20.20/24"?'),
    (RANGE, "fd00::1-192.168.20.20/24", "is outside 192.168.20.0/24"),
    (RANGE, "lan", "that is not a range"),
    (CIDR, "192.168.20.0/24/24", "a number of bits"),
    (CIDR, "lan", "that is not a range"),
    (CIDR, 24, "a range is a text such as"),
    (EXCLUSION, "192.168.20.300", "that is not an IP address"),
    (EXCLUSION, 9, "a range is a text such as"),
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
