"""A plan for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table as Grid

from ..findings import printable
from ..plan import Plan
from ..plan.report import Fold, Line, Table, headline, parts

ROOM: Final = 65_000
"""Bytes of a comment; GitHub takes 65,536 characters."""
MOST_LINES: Final = 400
LEFT_OUT: Final = (
    "More does not fit here. The workflow's summary and `multus-k3s plan` have it all."
)
_WORD: Final = re.compile(r"(?![0-9a-f]{7,}$)([A-Za-z]+(-[a-z]+)*|[0-9]{1,6})")
_IN_A_SENTENCE: Final = re.compile(r"(?P<before>\(?)(?P<core>.*?)(?P<after>\)?[.,:;]?)")


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
    """At most `room` bytes of UTF-8, in which nothing of the plan is more than text.

    Words are prose. Whatever could be Markdown, HTML, a mention, a link or a reference is code.
    """
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
                yield f"\n{_row(header)}|{' --- |' * len(header)}\n"
                yield from (_row([code(cell) if cell else "" for cell in row]) for row in rows)
                yield "\n"
            case Fold(title, differences):
                yield f"\n{title}:\n"
                yield from (_folded(one.title, one.text) for one in differences)


def prose(text: str) -> str:
    """Words as they are, all else as code, the sentence's own marks beside it."""
    return " ".join(map(_token, printable(text).split()))


def _token(text: str) -> str:
    match = _IN_A_SENTENCE.fullmatch(text)
    if match is None or not match["core"]:
        return code(text)
    core = match["core"]
    return f"{match['before']}{core if _WORD.fullmatch(core) else code(core)}{match['after']}"


def code(text: str) -> str:
    """A code span. GitHub's tables know no way to have a pipe behind a backslash in one."""
    text = printable(text).replace("|", "\u00a6")
    ticks = "`" * (_longest(text) + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _folded(title: str, text: str) -> str:
    lines = [printable(line) for line in text.splitlines()]
    more = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *([f"... and {more} lines more"] if more > 0 else [])]
    fence = "`" * max(3, _longest(text) + 1)
    summary = html.escape(printable(title))
    block = "\n".join((f"{fence}diff", *shown, fence))
    return f"\n<details><summary><code>{summary}</code></summary>\n\n{block}\n\n</details>\n"


def _longest(text: str) -> int:
    """Of the runs of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
