"""The plot: median time per ADD by ADDs at a time, with a line up to the p99. A small SVG by hand.

Both axes are logarithmic. Lines are labelled where they end. It has no background, and the text
follows the reader's colour scheme; the lines' colours can be told apart on both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from benchmarks.arms import IPAMS
from benchmarks.results import Run

WIDTH: Final = 760
HEIGHT: Final = 420
LEFT: Final = 64
RIGHT: Final = 560  # where the labels begin
TOP: Final = 40
BOTTOM: Final = 360
APART: Final = 18  # least distance of two labels' lines
SHIFT: Final = 5  # sideways, so that the lines to the p99 do not lie on each other
# Okabe and Ito's, which colour-blind people can tell apart, without black and yellow.
COLOURS: Final = ("#999999", "#009e73", "#0f8fd0", "#e69f00", "#d55e00")
STYLE: Final = """\
  <style>
    text { font: 13px system-ui, sans-serif; fill: #333333; }
    .grid { stroke: #888888; stroke-opacity: 0.3; }
    @media (prefers-color-scheme: dark) { text { fill: #dddddd; } }
  </style>"""


@dataclass(frozen=True)
class Point:
    """At one concurrency. Milliseconds."""

    concurrency: int
    median: float
    p99: float


@dataclass(frozen=True)
class Line:
    """One plugin's points."""

    label: str
    colour: str
    shift: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis: values from `low` to `high` on the pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        whole = math.log(self.high / self.low) or 1.0
        share = math.log(value / self.low) / whole
        return round(self.start + share * (self.end - self.start), 1)


def lines(run: Run) -> list[Line]:
    """What has been measured, plugin by plugin."""
    found = []
    for place, arm in enumerate(IPAMS):
        points = tuple(
            Point(cell.concurrency, cell.median, cell.p99)
            for concurrency in run.concurrencies
            if (cell := run.cell(arm.name, concurrency)) and cell.median and cell.p99
        )
        if points:
            shift = (place - len(IPAMS) // 2) * SHIFT
            found.append(Line(arm.label, COLOURS[place], shift, points))
    return found


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every power of ten: those within, and the next on both sides."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    every = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    first = max(tick for tick in every if tick <= low)
    last = min(tick for tick in every if tick >= high)
    return [tick for tick in every if first <= tick <= last]


def spaced(places: Sequence[float], apart: float = APART) -> list[float]:
    """The places of labels, moved down where they would lie on each other, in the given order."""
    order = sorted(range(len(places)), key=lambda one: places[one])
    found = list(places)
    for before, one in pairwise(order):
        found[one] = max(found[one], found[before] + apart)
    return found


def svg(run: Run) -> str:
    """The whole file."""
    shown = lines(run)
    times = [time for line in shown for point in line.points for time in (point.median, point.p99)]
    marks = ticks(min(times), max(times))
    across = Scale(run.concurrencies[0], run.concurrencies[-1], LEFT + 24, RIGHT - 28)
    up = Scale(marks[0], marks[-1], BOTTOM, TOP)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "  <title>Time per ADD through Multus, by IPAM plugin</title>",
        STYLE,
        _text(8, 20, "time per ADD through Multus: dot median, line up to p99"),
        *_axes(run.concurrencies, marks, across, up),
        *(part for line in shown for part in _line(line, across, up)),
        *_labels(shown, across, up),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'  <text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{text}</text>'


def _axes(
    concurrencies: Sequence[int], marks: Sequence[float], across: Scale, up: Scale
) -> Iterator[str]:
    for mark in marks:
        y = up(mark)
        yield f'  <line class="grid" x1="{LEFT}" y1="{y:g}" x2="{RIGHT}" y2="{y:g}"/>'
        yield _text(LEFT - 8, y + 4, _duration(mark), anchor="end")
    for concurrency in concurrencies:
        yield _text(across(concurrency), BOTTOM + 22, str(concurrency), anchor="middle")
    yield _text((LEFT + RIGHT) / 2, BOTTOM + 46, "ADDs at a time, on two nodes", anchor="middle")


def _duration(milliseconds: float) -> str:
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:g} s"
    return f"{milliseconds:g} ms"


def _line(line: Line, across: Scale, up: Scale) -> Iterator[str]:
    places = [(across(point.concurrency) + line.shift, point) for point in line.points]
    path = " ".join(f"{x:g},{up(point.median):g}" for x, point in places)
    yield f'  <polyline fill="none" stroke="{line.colour}" stroke-width="2" points="{path}"/>'
    for x, point in places:
        y, end = up(point.median), up(point.p99)
        yield f'  <line stroke="{line.colour}" x1="{x:g}" y1="{y:g}" x2="{x:g}" y2="{end:g}"/>'
        yield f'  <circle fill="{line.colour}" cx="{x:g}" cy="{y:g}" r="4"/>'


def _labels(shown: Sequence[Line], across: Scale, up: Scale) -> Iterator[str]:
    ends = [up(line.points[-1].median) for line in shown]
    for line, end, place in zip(shown, ends, spaced(ends), strict=True):
        x = across(line.points[-1].concurrency) + line.shift
        yield (
            f'  <line stroke="{line.colour}" x1="{x + 6:g}" y1="{end:g}" x2="{RIGHT + 4}" '
            f'y2="{place:g}" stroke-opacity="0.6"/>'
        )
        yield _text(RIGHT + 8, place + 4, line.label)
