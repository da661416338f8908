"""The picture for a terminal and for comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from ..findings import printable
from .content import Bar, Row, counted

CELLS = 48  # of a bar
LEGEND = "█ taken  ─ free  · kept back or excluded  G gateway  ! taken, and outside the range"


def text(rows: Iterable[Row]) -> str:
    """Lines of at most some 100 characters, by device."""
    return "\n".join(map(printable, _lines(rows))) + "\n"


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for device, group in groupby(rows, lambda row: row.device):
        yield device
        for row in group:
            yield f"  {row.key}  {row.kind}"
            for bar in row.bars:
                yield f"    {_cells(bar)}  {bar.label}, {counted(bar, live=row.live)}"
            if not row.bars:
                yield f"    {row.silent}"
    yield ""
    yield LEGEND


def _cells(bar: Bar) -> str:
    cells = ["·"] * CELLS
    for start, end in bar.free:
        for cell in range(int(start * CELLS), max(int(start * CELLS) + 1, round(end * CELLS))):
            cells[min(cell, CELLS - 1)] = "─"
    for mark, places in (("█", bar.used), ("G", bar.gateways)):
        for place, address in places:
            cells[int(place * CELLS)] = "!" if address in bar.outside else mark
    return "".join(cells)
