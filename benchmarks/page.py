"""A run as a page: a table of ratios and a plot of them. Pure, but for `write`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measures import MEASURES
from benchmarks.numbers import middle, quantile

Found = Mapping[str, Sequence[Sequence[float]]]
HEAD: Final = """\
| measure | pairs | ours | peer | ratio, median | p95 | asked |
| --- | --- | --- | --- | --- | --- | --- |
"""
COUNTED: Final = ("requests", "MiB", "KiB")
ROW: Final = 22
LEFT: Final = 230
STYLE: Final = "text{font:13px system-ui,sans-serif;fill:#777}"


def ratios(pairs: Sequence[Sequence[float]]) -> list[float]:
    """Ours to the peer's, pair by pair."""
    return [ours / peer for ours, peer in pairs if peer > 0]


def markdown(machine: Mapping[str, Any], found: Found) -> str:
    """The table, and below it the machine and how time grows with networks."""
    rows = []
    for name, one in MEASURES.items():
        if not (pairs := found.get(name)):
            continue
        ours, peer = (middle([pair[at] for pair in pairs]) for at in (0, 1))
        found_ratios = ratios(pairs)
        digits = 0 if one.unit in COUNTED else 2
        cells = (
            f"{one.ours} (`{name}`)",
            str(len(pairs)),
            f"{ours:.{digits}f} {one.unit}",
            f"{peer:.{digits}f} {one.unit}: {one.peer}",
            f"{middle(found_ratios):.2f}",
            f"{quantile(found_ratios, 0.95):.2f}",
            one.target,
        )
        rows.append(f"| {' | '.join(cells)} |")
    said = ", ".join(f"{key} {value}" for key, value in machine.items())
    return f"{HEAD}{chr(10).join(rows)}\n\n{said}.\n{growth(found)}"


def exponent(points: Sequence[tuple[int, float]]) -> float:
    """Of the power law through the points, by least squares of the logarithms."""
    xs, ys = ([math.log(one[at]) for one in points] for at in (0, 1))
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return over / sum((x - mean_x) ** 2 for x in xs)


def growth(found: Found) -> str:
    """A line for each step that was measured with several numbers of networks."""
    series: dict[str, list[tuple[int, float]]] = {}
    for name, pairs in found.items():
        if match := re.fullmatch(r"(?:networks-)(\d+)-(.*)|(check)-(\d+)", name):
            count = int(match[1] or match[4])
            series.setdefault(match[2] or match[3], []).append(
                (count, middle([pair[0] for pair in pairs]))
            )
    lines = [
        f"- {step}: n to the power of {exponent(points):.2f}, for n from {min(points)[0]} "
        f"to {max(points)[0]} networks"
        for step, points in series.items()
        if len(points) > 1
    ]
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def svg(found: Found) -> str:
    """Each ratio as a dot on a logarithmic line, around 1."""
    shown = [(name, middle(ratios(found[name]))) for name in MEASURES if found.get(name)]
    height = ROW * (len(shown) + 1)
    marks = "".join(
        f'<text x="0" y="{ROW * at + 15}">{name}</text>'
        f'<circle cx="{_x(value):.0f}" cy="{ROW * at + 11}" r="5" fill="#0f8fd0"/>'
        f'<text x="{_x(value) + 9:.0f}" y="{ROW * at + 15}">{value:.2f}</text>'
        for at, (name, value) in enumerate(shown)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 {height}"><style>{STYLE}</style>'
        f'<path d="M{_x(1):.0f} 0V{height - ROW}" stroke="#888"/>{marks}'
        f'<text x="{_x(1) - 40:.0f}" y="{height - 4}">as long as the peer</text></svg>\n'
    )


def _x(value: float) -> float:
    return LEFT + 140 + 45 * math.log2(min(max(value, 0.25), 64))


def write(page: Path, machine: Mapping[str, Any], found: Found) -> None:
    """The table between the page's marks, and the plot beside it."""
    page.with_suffix(".svg").write_text(svg(found), encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end -->")
    table = markdown(machine, found)
    page.write_text(f"{head}<!-- table -->\n{table}<!-- end -->{tail}", encoding="utf-8")
