"""Markdown in which nothing from elsewhere is more than text.

Words are prose. Whatever could be Markdown, HTML, a mention, a link or a reference is code.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from ..findings import printable

MOST_LINES: Final = 400
_WORD: Final = re.compile(r"(?![0-9a-f]{7,}$)([A-Za-z]+(-[a-z]+)*|[0-9]{1,6})")
_IN_A_SENTENCE: Final = re.compile(r"(?P<before>\(?)(?P<core>.*?)(?P<after>\)?[.,:;]?)")


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


def table_row(cells: Sequence[str]) -> str:
    """Of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |\n"


def folded(title: str, text: str) -> str:
    """Lines of a difference, behind the title."""
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
