"""A schedule of Whereabouts' reconciler, as the reconciler reads it.

Whereabouts hands the text to gocron 2.19, which is the standard parser of robfig/cron 3.0.1, in
UTC: five fields, or a descriptor such as @hourly. With a text that does not parse the reconciler
ends at its start, and never frees an address.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from .fields import Checked
from .findings import invalid, needs_quotes

DEFAULT: Final = "30 4 * * *"  # the chart's own
RULE: Final = (
    "a schedule has five fields, minute (0 to 59), hour (0 to 23), day of the month (1 to 31, if "
    "it ever comes), month (1 to 12 or jan to dec) and weekday (0 to 6 or sun to sat), like "
    '"*/30 * * * *"'
)
DESCRIPTOR: Final = (
    r"@(hourly|daily|midnight|weekly|monthly|yearly|annually|every ([0-9]+(\.[0-9]+)?(ms|s|m|h))+)"
)
# What cronsim takes besides: L, W and #, which are in no name of a month or day, and 7 for Sunday.
FOREIGN: Final = re.compile("(?i)#|(?<![a-z])([0-9]*l|l?w|[0-9]+w)(?![a-z])|(?<![0-9/])0*7[^ ]*$")


def _schedule(value: Any) -> str:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 (few stacks have a schedule)

    if not isinstance(value, str):
        raise invalid(needs_quotes(value), value)
    text = " ".join(value.split())
    if re.fullmatch(DESCRIPTOR, text):
        return text
    fields = text.replace("?", "*").split()
    if len(fields) != 5 or FOREIGN.search(text):
        raise invalid(RULE, value)
    # Where the weekday is restricted too, either of both is enough. To the library it is not where
    # it begins with a star; to the parser, where an entry is a star.
    weekday = "*" if {"*", "*/1"} & {*fields[4].split(",")} else "0"
    try:
        CronSim(f"* * * * {fields[4]}", datetime(2000, 1, 1))
        CronSim(" ".join([*fields[:4], weekday]), datetime(2000, 1, 1))
    except CronSimError as error:
        raise invalid(f"{RULE} ({error})", value) from error
    return text


Schedule = Annotated[
    str,
    Checked(_schedule, {"type": "string", "pattern": r"^\s*(@\S.*|(\S+\s+){4}\S+\s*)$"}),
]
