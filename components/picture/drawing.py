"""The picture as one SVG, for light and dark pages, without scripts, fonts or links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from xml.sax.saxutils import escape

from .content import Bar, Row, counted

WIDTH, MARGIN, LEFT = 960, 16, 300  # pixels; bars begin at LEFT
LENGTH = WIDTH - LEFT - MARGIN
GROUP, LINE, HEIGHT = 40, 46, 14  # of a device's title, of a range's line, of its bar
HEAD = 64
SHORT = 40  # characters that fit before the bars
STYLE = """\
svg { font: 13px system-ui, sans-serif; background: var(--page); color-scheme: light dark;
  --page: #fff; --ink: #1c2430; --dim: #5b6675; --none: #e3e7ec; --free: #9cc5f0;
  --used: #14599c; --gate: #b35900; --out: #c4162a }
@media (prefers-color-scheme: dark) { svg { --page: #10151c; --ink: #e6eaf0; --dim: #9aa6b5;
  --none: #2b3440; --free: #29527c; --used: #7fbcff; --gate: #ffb35c; --out: #ff6b77 } }
text { fill: var(--ink) } .dim { fill: var(--dim); font-size: 11px } .head { font-weight: 600 }
.title { font-weight: 600; font-size: 17px } .none { fill: var(--none) } .free { fill: var(--free) }
.used { fill: var(--used) } .gate { fill: var(--gate) } .out { fill: var(--out) }
line { stroke: var(--none) }"""
LEGEND = (
    ("used", "taken"),
    ("free", "free"),
    ("none", "kept back or excluded"),
    ("gate", "gateway"),
    ("out", "taken, and outside the range"),
)


def svg(title: str, rows: Iterable[Row]) -> str:
    """A text in XML. title: whose networks these are."""
    parts, y = [], HEAD
    for device, group in groupby(rows, lambda row: row.device):
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y + 8}" y2="{y + 8}"/>')
        parts.append(_text(MARGIN, y + 30, device, "head"))
        y += GROUP
        for row in group:
            parts += _row(row, y)
            y += LINE * max(1, len(row.bars))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + MARGIN}" '
        f'viewBox="0 0 {WIDTH} {y + MARGIN}" role="img">'
    )
    named = f"<title>{_escaped(title)}</title><style>{STYLE}</style>"
    page = '<rect width="100%" height="100%" style="fill: var(--page)"/>'
    top = [_text(MARGIN, 28, title, "title"), *_legend()]
    return "\n".join([head, named, page, *top, *parts, "</svg>"]) + "\n"


def _legend() -> Iterator[str]:
    x = MARGIN
    for kind, means in LEGEND:
        yield f'<rect class="{kind}" x="{x}" y="42" width="10" height="10" rx="2"/>'
        yield _text(x + 15, 51, means, "dim")
        x += 40 + 6 * len(means)


def _row(row: Row, y: int) -> Iterator[str]:
    yield _text(MARGIN, y + 14, _short(row.key))
    yield _text(MARGIN, y + 30, _short(row.kind), "dim")
    if not row.bars:
        yield _text(LEFT, y + 14, row.silent, "dim")
    for number, bar in enumerate(row.bars):
        yield from _bar(bar, y + number * LINE, counted(bar, live=row.live))


def _bar(bar: Bar, y: int, count: str) -> Iterator[str]:
    yield _part("none", 0, 1, y, bar.label)
    for start, end in bar.free:
        yield _part("free", start, end, y, bar.label)
    for kind, places in (("used", bar.used), ("gate", bar.gateways)):
        by_pixel = {round(place * LENGTH): (place, address) for place, address in places}
        for place, address in by_pixel.values():
            yield _part("out" if address in bar.outside else kind, place, place, y, address)
    yield _text(LEFT, y + 30, bar.first, "dim")
    yield _text(LEFT + LENGTH // 2, y + 30, f"{bar.label} · {count}", "dim", "middle")
    yield _text(LEFT + LENGTH, y + 30, bar.last, "dim", "end")


def _part(kind: str, start: float, end: float, y: int, says: str) -> str:
    """A part of a bar, wide enough to be seen."""
    x, width = LEFT + start * LENGTH, max(2.0, (end - start) * LENGTH)
    x = min(x, LEFT + LENGTH - width)
    where = f'x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{HEIGHT}"'
    return f'<rect class="{kind}" {where}><title>{_escaped(says)}</title></rect>'


def _text(x: int, y: int, said: str, kind: str = "", anchor: str = "start") -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text{of} x="{x}" y="{y}" text-anchor="{anchor}">{_escaped(said)}</text>'


def _short(said: str) -> str:
    return said if len(said) <= SHORT else f"{said[: SHORT - 1]}…"


def _escaped(said: str) -> str:
    """For XML, which has no control characters."""
    return escape("".join(one for one in said if one.isprintable()))
