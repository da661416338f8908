"""Resources of a container in raw Helm values, as the API server takes them.

Facts are of Kubernetes' `resource.Quantity` and its validation of pods (v1.34).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from components.faults import Fault, did_you_mean

A_MAPPING: Final = "the chart reads a mapping of names to values here"
NAME: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
QUALIFIED: Final = rf"({NAME}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?"
LABEL: Final = r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
A_LABEL: Final = "a label has at most 63 letters, digits, -, _ and ."
OFFERED: Final = ("cpu", "memory", "ephemeral-storage")
LONGEST_QUANTITY: Final = 32  # the API server cuts at 2^63
QUANTITY: Final = re.compile(
    r"([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?"
)
SCALE: Final = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("num", -3)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
    "": Decimal(1),
}


def unknown(found: Mapping[str, Any], known: Sequence[str], what: str) -> Iterator[Fault]:
    for key in found:
        if key not in known:
            yield Fault((key,), f"is no field of {what}. {did_you_mean(key, known)}")


def amount(value: Any) -> Decimal | None:
    """A quantity as a number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = QUANTITY.fullmatch(str(value))
    if not match or len(match[0]) > LONGEST_QUANTITY:
        return None
    suffix = match[2] or ""
    if suffix not in SCALE:  # an exponent
        return Decimal(f"{match[1]}{suffix}")
    return Decimal(match[1]) * SCALE[suffix]


def resources(value: Any) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault((), A_MAPPING, value)
        return
    yield from unknown(value, ("requests", "limits"), "resources")
    for side in ("requests", "limits"):
        yield from (fault.under(side) for fault in quantities(value.get(side, {})))


def quantities(entries: Any) -> Iterator[Fault]:
    """What is wrong with requests or limits."""
    if not isinstance(entries, Mapping):
        yield Fault((), A_MAPPING, entries)
        return
    for key, quantity in entries.items():
        name = str(key)
        if name not in OFFERED:
            hint = did_you_mean(name, OFFERED)
            yield Fault((name,), f"is no resource that these daemons use. {hint}")
        elif amount(quantity) is None:
            yield Fault((name,), 'that is no quantity. Write it like "100m" or "128Mi"', quantity)


def above_limits(given: Mapping[str, Any], default: Mapping[str, Any]) -> Iterator[Fault]:
    """Requests above the limits, where one of them may be the chart's default."""
    sides = {
        side: {**default.get(side, {}), **given.get(side, {})} for side in ("requests", "limits")
    }
    for name, limit in sides["limits"].items():
        request = sides["requests"].get(name)
        least, most = amount(request), amount(limit)
        if least is None or most is None or least <= most:
            continue
        side = "limits" if name in given.get("limits", {}) else "requests"
        other = "requests" if side == "limits" else "limits"
        whose = "" if name in given.get(other, {}) else " that the chart sets"
        rule = "at least the request" if side == "limits" else "at most the limit"
        yield Fault(
            (side, name),
            f"it must be {rule}{whose}. Set both",
            limit if side == "limits" else request,
        )
