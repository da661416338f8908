"""The table and the plot of docs/ipam.md, made from a committed result: pure but for the files.

What stands between the markers of the page is this module's; all else is written by people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import plot
from benchmarks.arms import COSTS, IPAMS, PEER, Arm, arm
from benchmarks.numbers import Ratio, ratio
from benchmarks.results import Cell, Run
from testbed.tools import ROOT

PAGE: Final = ROOT / "docs" / "ipam.md"
RESULT: Final = ROOT / "benchmarks" / "results" / "ipam.json"
PLOT: Final = "ipam-add-times.svg"
BEGIN: Final = "<!-- benchmark: written by python -m benchmarks.ipam -->"
END: Final = "<!-- benchmark: end -->"
SAID: Final = 5  # errors that are quoted
FEW: Final = 100  # of fewer samples the p99 is the largest


class PageError(Exception):
    """The page has no place for the numbers."""


def refresh(run: Run, page: Path) -> None:
    """Writes the numbers into the page and the plot beside it."""
    page.write_text(filled(page.read_text(encoding="utf-8"), run), encoding="utf-8")
    page.with_name(PLOT).write_text(plot.svg(run), encoding="utf-8")


def filled(text: str, run: Run) -> str:
    """The page with this run's numbers between its markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise PageError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(run)}\n{END}{after}"


def table(run: Run) -> str:
    """All that is said of a run, as Markdown."""
    return "\n\n".join(block for block in _blocks(run) if block) + "\n"


def _blocks(run: Run) -> Iterator[str]:
    yield _made(run)
    alt = "Median time per ADD by IPAM plugin and ADDs at a time; the numbers are in the tables"
    yield f"![{alt}]({PLOT})"
    yield f"Time per ADD in ms, median / {_tail(run)}, by ADDs at a time:"
    yield _rows(run, IPAMS, _times)
    yield "Allocations per second:"
    yield _rows(run, IPAMS, _rate)
    yield (
        "Time per ADD against static in the same round: median of the rounds, and from the least "
        "to the largest:"
    )
    yield _rows(run, IPAMS[1:], lambda run, cell: _against(run, cell, PEER.name))
    yield from _refusals(run)
    yield "What Multus itself costs, in ms per ADD, median:"
    yield _costs(run)


def _made(run: Run) -> str:
    machine, versions = run.machine, run.versions
    return (
        f"Measured {run.date}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory']}, kernel {machine['kernel']}. Multus {versions['multus']}, "
        f"Whereabouts {versions['whereabouts']}, CNI plugins {versions['macvlan']}, Kubernetes "
        f"{versions['kube-apiserver']}, etcd {versions['etcd']}, chart {versions['chart']}. "
        f"{run.rounds} round{'' if run.rounds == 1 else 's'} of {run.pods} pods for each number, "
        f"on two nodes: {run.rounds * run.pods} pods. Before a batch {run.busy_before:.0%} of the "
        "machine's time was in use (median)."
    )


def _tail(run: Run) -> str:
    few = any(0 < cell.samples < FEW for cell in run.cells)
    return f"p99 (of fewer than {FEW} ADDs: the largest)" if few else "p99"


def _rows(run: Run, arms: Sequence[Arm], text: Callable[[Run, Cell], str]) -> str:
    head = " | ".join(str(one) for one in run.concurrencies)
    lines = [f"| IPAM | {head} |", "| --- |" + " ---: |" * len(run.concurrencies)]
    lines += [f"| {one.label} | {_cells(run, one, text)} |" for one in arms if _measured(run, one)]
    return "\n".join(lines)


def _measured(run: Run, one: Arm) -> bool:
    return any(cell.arm == one.name for cell in run.cells)


def _cells(run: Run, one: Arm, text: Callable[[Run, Cell], str]) -> str:
    found = (run.cell(one.name, concurrency) for concurrency in run.concurrencies)
    return " | ".join("" if cell is None else text(run, cell) for cell in found)


def _times(_: Run, cell: Cell) -> str:
    if cell.median is None or cell.p99 is None:
        return "all failed"
    return f"{number(cell.median)} / {number(cell.p99)}"


def _rate(_: Run, cell: Cell) -> str:
    rates = sorted(cell.rates)
    return number(rates[len(rates) // 2])


def _median(_: Run, cell: Cell) -> str:
    return "all failed" if cell.median is None else number(cell.median)


def _against(run: Run, cell: Cell, peer: str) -> str:
    other = run.cell(peer, cell.concurrency)
    found = ratio(cell.round_medians, other.round_medians) if other else None
    return "" if found is None else spread(found)


def _refusals(run: Run) -> Iterator[str]:
    """Which ADDs were refused, why, and which pods were given up."""
    shown = [cell for cell in run.cells if cell.arm in {one.name for one in IPAMS}]
    if any(cell.refused for cell in shown):
        yield "ADDs refused for each 100 pods, with the pause and the next try in the times above:"
        yield _rows(run, IPAMS, _refused)
        seen = dict.fromkeys(error for cell in shown for error in cell.errors)
        yield "The refusals:\n\n" + "\n".join(f"- `{error}`" for error in list(seen)[:SAID])
    lost = [
        f"- {arm(cell.arm).label}, {cell.concurrency} at a time: {cell.failed} of "
        f"{cell.failed + cell.samples} pods"
        for cell in run.cells
        if cell.failed
    ]
    if lost:
        yield "Given up after two minutes, and not in the times above:"
        yield "\n".join(lost)


def _refused(_: Run, cell: Cell) -> str:
    return f"{cell.refused * 100 / (cell.samples + cell.failed):.0f}"


def _costs(run: Run) -> str:
    head = " | ".join(str(one) for one in run.concurrencies)
    with_static = Arm(PEER.name, "Multus, macvlan with static", PEER.network)
    shown = [one for one in (*COSTS, with_static) if _measured(run, one)]
    lines = [
        f"| what starts the pod | {head} | CPU at 1 |",
        "| --- |" + " ---: |" * (len(run.concurrencies) + 1),
    ]
    for one in shown:
        first = run.cell(one.name, run.concurrencies[0])
        cpu = number(first.cpu) if first else ""
        lines.append(f"| {one.label} | {_cells(run, one, _median)} | {cpu} |")
    for label, ours, theirs in (
        ("ratio: Multus to both by hand", PEER.name, "by-hand"),
        ("ratio: Multus to the default network alone, no second network", "multus", "default"),
    ):
        ratios = [_ratio(run, ours, theirs, concurrency) for concurrency in run.concurrencies]
        if any(ratios):
            lines.append(f"| {label} | {' | '.join(ratios)} | |")
    return "\n".join(lines)


def _ratio(run: Run, ours: str, theirs: str, concurrency: int) -> str:
    cell = run.cell(ours, concurrency)
    return _against(run, cell, theirs) if cell else ""


def spread(found: Ratio) -> str:
    """A ratio as it is printed; the ends only where rounds differ."""
    middle, low, high = (f"{one:.1f}" for one in (found.median, found.low, found.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def number(value: float) -> str:
    """Three digits, and no more than were measured."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}"
