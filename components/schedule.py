"""A schedule of Whereabouts' reconciler, as the reconciler reads it.

Whereabouts hands the text to gocron 2.19, which is the standard parser of robfig/cron 3.0.1, in
UTC: five fields, or a descriptor such as @hourly. With a text that does not parse the reconciler
ends at its start, and never frees an address. cronsim reads the fields; what it takes besides
(seconds, L, W, #, 7 for Sunday) is refused.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from .fields import Checked
from .findings import Finding, invalid, needs_quotes, refuse

EXAMPLE: Final = "*/30 * * * *"
DEFAULT: Final = "30 4 * * *"
"""The chart's own."""
DESCRIPTOR: Final = (
    r"@(hourly|daily|midnight|weekly|monthly|yearly|annually|every ([0-9]+(\.[0-9]+)?(ms|s|m|h))+)"
)
# Each field with its limits, in words, and what the library takes there and the parser does not.
FIELDS: Final = (
    ("minute", "0 to 59", "", 59),
    ("hour", "0 to 23", "", 23),
    ("day of the month", "1 to 31", "[LW]", 31),
    ("month", "1 to 12 or jan to dec", "", 12),
    ("day of the week", "0 to 6 or sun to sat", r"[L#]|(?<![0-9/])0*7", 6),
)
_STAR: Final = {"*", "?", "*/1", "?/1"}


def _schedule(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(needs_quotes(value, f'like "{EXAMPLE}"'), value)
    text = " ".join(value.split())
    if re.fullmatch(DESCRIPTOR, text):
        return text
    fields = text.split()
    if len(fields) != len(FIELDS):
        names = ", ".join(name for name, *_ in FIELDS)
        raise invalid(f'a schedule has five fields: {names}, like "{EXAMPLE}"', value)
    refuse(
        Finding((), f'"{field}" is no {name}: that is {limits}, as in "*", "1-5" or "*/2"', value)
        for at, (field, (name, limits, foreign, _)) in enumerate(zip(fields, FIELDS, strict=True))
        if (foreign and re.search(foreign, field.upper()))
        or not _parses([*["*"] * at, field, *["*"] * (4 - at)])
    )
    # Where the day of the week is restricted too, either of both is enough. To the library it is
    # not where it begins with a star; to the parser, where an entry is a star.
    if not _parses([*fields[:4], "*" if _STAR & {*fields[4].split(",")} else "0"]):
        raise invalid("that day never comes, and the reconciler would never run", value)
    return text


def _parses(fields: list[str]) -> bool:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 (few stacks have a schedule)

    try:
        CronSim(" ".join(fields).replace("?", "*"), datetime(2000, 1, 1))
    except CronSimError:
        return False
    return True


Schedule = Annotated[
    str,
    Checked(_schedule, {"type": "string", "pattern": r"^\s*(@\S.*|(\S+\s+){4}\S+\s*)$"}),
]
