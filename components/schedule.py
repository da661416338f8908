"""A schedule of Whereabouts' reconciler: the five fields of cron, as the reconciler reads them.

Whereabouts 0.9.4 hands the text to gocron 2.19, which is robfig/cron 3.0.1's standard parser, in
UTC. With a text that does not parse the reconciler ends at its start, and never frees an address.
Only fields are taken: its `@every` counts from whenever the pod last started.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes

EXAMPLE: Final = "*/30 * * * *"
DEFAULT: Final = "30 4 * * *"
"""The chart's own."""

MONTHS: Final = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class Part:
    """One of the five fields: its name, its limits, its words."""

    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        if text.lower() in self.words:
            return self.words.index(text.lower()) + self.least
        number = int(text) if re.fullmatch("[0-9]{1,2}", text) else -1
        return number if self.least <= number <= self.most else None

    def times(self, text: str) -> set[int]:
        """What an entry of the list means; nothing where it is malformed."""
        span, slash, step = text.partition("/")
        first, dash, last = span.partition("-")
        every = self.step(step) if slash else 1
        if span in ("*", "?"):
            low: int | None = self.least
            high: int | None = self.most
        else:
            low = self.number(first)
            high = self.number(last) if dash else (self.most if slash else low)
        if low is None or high is None or every is None:
            return set()
        return set(range(low, high + 1, every))

    def step(self, text: str) -> int | None:
        """One that goes beyond the limits would mean the first time alone."""
        number = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
        return number if 1 <= number <= self.most else None


PARTS: Final = (
    Part("minute", 0, 59),
    Part("hour", 0, 23),
    Part("day of the month", 1, 31),
    Part("month", 1, 12, MONTHS),
    Part("day of the week", 0, 6, DAYS),
)


def _faults(text: str) -> Iterator[str]:
    fields = text.split()
    if len(fields) != len(PARTS):
        yield (
            "a schedule has five fields: minute, hour, day of the month, month, day of the week, "
            f'like "{EXAMPLE}"'
        )
        return
    meant: list[set[int]] = []
    for part, field in zip(PARTS, fields, strict=True):
        entries = [part.times(entry) for entry in field.split(",")]
        if not all(entries):
            limits = f"{part.least} to {part.most}"
            words = f" or {part.words[0]} to {part.words[-1]}" if part.words else ""
            yield f'"{field}" is no {part.name}: that is {limits}{words}, as in "*", "1-5" or "*/2"'
        meant.append(set().union(*entries))
    # Where the day of the week is restricted too, either of both is enough.
    days, months = meant[2], meant[3]
    every = {*fields[4].split(",")} & {"*", "?", "*/1", "?/1"}
    if all(meant) and every and all(min(days) > LONGEST_MONTHS[m - 1] for m in months):
        yield "that day never comes, and the reconciler would never run"


def _schedule(value: Any) -> str:
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value, f'like "{EXAMPLE}"'), value)])
    if rules := list(_faults(value)):
        raise FaultsError([Fault((), rule, value) for rule in rules])
    return " ".join(value.split())


Schedule = Annotated[
    str,
    BeforeValidator(_schedule),
    WithJsonSchema({"type": "string", "pattern": r"^\s*(\S+\s+){4}\S+\s*$"}),
]
