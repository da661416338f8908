"""MAC addresses of single interfaces."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes

PAIRS: Final = r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}"
# An odd first byte is a group's; nothing but zeros is what lo has.
SINGLE: Final = r"(?!00(:00){5}$)[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}"
EXAMPLE_MAC: Final = "02:00:00:00:00:01"  # locally administered, as every made-up one must be


def _mac(value: Any) -> str:
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value), value)])
    if not re.fullmatch(PAIRS, value):
        rule = f"a MAC address is six pairs of hex digits, like {EXAMPLE_MAC}"
        raise FaultsError([Fault((), rule, value)])
    if not re.fullmatch(SINGLE, value):
        rule = f"no interface can have it: it is a group's, or nobody's. Use one like {EXAMPLE_MAC}"
        raise FaultsError([Fault((), rule, value)])
    return value.lower()


MacAddress = Annotated[
    str,
    BeforeValidator(_mac),
    WithJsonSchema({"type": "string", "pattern": f"^{SINGLE}$"}),
]
