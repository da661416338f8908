"""A plan for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table as Grid

from ..findings import printable
from ..plan import Plan
from ..plan.report import Fold, Line, Table, headline, parts
from .markdown import code, folded, prose, table_row

ROOM: Final = 65_000
"""Bytes of a comment; GitHub takes 65,536 characters."""
LEFT_OUT: Final = (
    "More does not fit here. The workflow's summary and `multus-k3s plan` have it all."
)


def show(plan: Plan, *, whole: bool) -> None:
    """On a terminal. whole: with the differences, of which else only the titles are shown."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(printable(headline(plan)), style="bold")
    for part in parts(plan):
        match part:
            case Line(text, item):
                console.print(f"{'  - ' if item else ''}{printable(text)}")
            case Table(header, rows):
                grid = Grid(*header, box=None, pad_edge=False)
                for row in rows:
                    grid.add_row(*(printable(cell) for cell in row))
                console.print(grid)
            case Fold(title, differences):
                console.print(f"{title}:{'' if whole else ' (--diff shows them)'}")
                for one in differences:
                    console.print(f"  {printable(one.title)}")
                    for line in one.text.splitlines() if whole else ():
                        console.print(f"    {printable(line)}")


def markdown(plan: Plan, room: int = ROOM) -> str:
    """At most `room` bytes of UTF-8, in which nothing of the plan is more than text."""
    kept: list[str] = []
    left = room - len(LEFT_OUT) - 2
    for piece in _pieces(plan):
        left -= len(piece.encode())
        if left < 0:
            return "".join((*kept, "\n", LEFT_OUT, "\n"))
        kept.append(piece)
    return "".join(kept)


def _pieces(plan: Plan) -> Iterator[str]:
    yield f"### {prose(headline(plan))}\n"
    for part in parts(plan):
        match part:
            case Line(text, item):
                yield f"- {prose(text)}\n" if item else f"\n{prose(text)}\n\n"
            case Table(header, rows):
                yield f"\n{table_row(header)}|{' --- |' * len(header)}\n"
                yield from (table_row([code(cell) if cell else "" for cell in row]) for row in rows)
                yield "\n"
            case Fold(title, differences):
                yield f"\n{title}:\n"
                yield from (folded(one.title, one.text) for one in differences)
