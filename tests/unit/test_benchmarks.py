"""The benchmarks' pure parts, and that the page shows what was measured. No time is tested here."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import page, plot, report
from benchmarks.bench import merged
from benchmarks.measures import MEASURES
from benchmarks.memory import EVERY, Peak
from benchmarks.numbers import Ratio, quantile, ratio
from benchmarks.results import Batch, Run, cells
from benchmarks.soak import NETWORK, counted
from components.ipam import IPAMS
from testbed.node.pod import STATUS


@pytest.fixture(scope="module")
def committed() -> Run:
    return Run.read(report.RESULT)


def test_the_page_shows_the_committed_numbers(committed: Run) -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert report.filled(page, committed) == page, "run: python -m benchmarks.ipam --redraw"


def test_the_plot_is_of_the_committed_numbers(committed: Run) -> None:
    file = report.PAGE.with_name(report.PLOT)
    assert file.read_text(encoding="utf-8") == plot.svg(committed)


def test_the_committed_result_is_written_as_the_script_does(committed: Run) -> None:
    assert committed.text() == report.RESULT.read_text(encoding="utf-8")
    pods = committed.pods * committed.rounds
    assert all(cell.samples + cell.failed == pods for cell in committed.cells)


def test_another_result_makes_another_page_and_plot(committed: Run) -> None:
    """The control: the two tests above do compare numbers."""
    first, *rest = committed.cells
    assert first.median is not None
    other = replace(committed, cells=(replace(first, median=first.median * 2), *rest))
    assert report.table(other) != report.table(committed)
    assert plot.svg(other) != plot.svg(committed)


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        ([3.0], 0.99, 3.0),
        ([2.0, 1.0], 0.5, 1.0),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 301)), 0.99, 297),  # 0.99 * 300 is more than 297 in binary
        (list(range(1, 65)), 0.99, 64),
        (list(range(1, 321)), 0.99, 317),
    ],
)
def test_a_quantile_is_a_sample(samples: list[float], share: float, expected: float) -> None:
    assert quantile(samples, share) == expected


@pytest.mark.parametrize(("samples", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_no_quantile_of_nothing(samples: list[float], share: float) -> None:
    with pytest.raises(ValueError, match=r"no samples|a share"):
        quantile(samples, share)


def test_a_ratio_pairs_rounds() -> None:
    # Of all medians together it would be 2: the second round was slow for both.
    assert ratio([10.0, 40.0, 12.0], [5.0, 40.0, 4.0]) == Ratio(2.0, 1.0, 3.0)
    assert ratio([None, 4.0], [1.0, 2.0]) == Ratio(2.0, 2.0, 2.0)
    assert ratio([None], [1.0]) is None


def test_a_cell_is_of_all_rounds_and_of_what_succeeded() -> None:
    rounds = [
        Batch("static", 2, (0.1, 0.3), 0, ("no time",), 0.5, 0.2, (0.05, 0.05), 0.0),
        Batch("static", 2, (0.2,), 1, ("no address",), 1.0, 0.2, (0.07,), 0.0),
        Batch("static", 2, (), 2, ("no address", "no address"), 1.0, 0.0, (), 0.0),
    ]
    (cell,) = cells(rounds)
    assert (cell.samples, cell.failed, cell.refused) == (3, 3, 4)
    assert cell.errors == ("no address", "no time")
    assert (cell.median, cell.p99, cell.largest, cell.delete) == (200.0, 300.0, 300.0, 50.0)
    assert cell.round_medians == (200.0, 200.0, None)
    assert cell.rates == (4.0, 1.0, 0.0)
    assert cell.cpu == 66.7


def test_failures_are_said(committed: Run) -> None:
    first, *rest = committed.cells
    failed = replace(first, samples=7, failed=3, refused=20, errors=("no address",))
    said = report.table(replace(committed, cells=(failed, *rest)))
    assert "- static, 1 at a time: 3 of 10 pods" in said
    assert "| static | 200 |" in said
    assert "- `no address`" in said


def test_a_p99_of_few_is_called_the_largest(committed: Run) -> None:
    few = tuple(replace(cell, samples=16) for cell in committed.cells)
    assert "of fewer than 100 ADDs: the largest" in report.table(replace(committed, cells=few))


def test_the_plot_is_an_image_with_a_label_for_each_line(committed: Run) -> None:
    root = ET.fromstring(plot.svg(committed))  # noqa: S314  it is ours
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {line.label for line in plot.lines(committed)} <= texts


def test_every_ipam_of_the_program_is_measured() -> None:
    assert {*IPAMS} <= {cell.arm for cell in Run.read(report.RESULT).cells}


def test_a_soak_counts_what_is_missing_stale_and_double() -> None:
    def pod(name: str, *addresses: str) -> dict[str, Any]:
        status = [{"name": NETWORK, "ips": [one]} for one in addresses]
        return {"metadata": {"name": name, "annotations": {STATUS: json.dumps(status)}}}

    pods = [pod("a", "10.0.0.1"), pod("b", "10.0.0.1"), pod("c", "10.0.0.2"), pod("d")]
    found = counted(pods, {"default/a", "default/gone"}, 1, 9)
    assert (found.missing, found.stale, found.double) == (1, 1, 1)
    sound = counted([pod("a", "10.0.0.1")], {"default/a"}, 1, 1)
    assert (sound.missing, sound.stale, sound.double) == (0, 0, 0)


@pytest.mark.parametrize("power", [1.0, 1.15, 2.0])
def test_growth_is_the_exponent_of_a_power_law(power: float) -> None:
    points = [(n, 3 * n**power) for n in (10, 100, 300)]
    assert page.exponent(points) == pytest.approx(power)


def test_ratios_are_of_pairs() -> None:
    """Of the medians it would be 4 to 3; the machine was slow in the second pair."""
    pairs = {"preview": [(2.0, 1.0), (40.0, 30.0), (4.0, 3.0)]}
    [row] = [one for one in page.markdown({}, pairs).splitlines() if "`preview`" in one]
    assert f"| {4 / 3:.2f} | 2.00 | {MEASURES['preview'].target} |" in row


def test_what_was_measured_that_day_stays_and_another_days_goes() -> None:
    day = {"date": "2026-01-01", "cores": 2, "load": 0.5}
    old = {"up": [(1.0, 2.0)], "check-20": [(1.0, 1.0)]}
    machine, found = merged({**day, "load": 3.0}, old, day, {"up": [(3.0, 2.0)]})
    assert machine == {**day, "load": 3.0}
    assert found == {"up": [(3.0, 2.0)], "check-20": [(1.0, 1.0)]}
    new = {"up": [(3.0, 2.0)]}
    assert merged({**day, "date": "2025-12-31"}, old, day, new) == (day, new)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux counts it")
def test_the_peak_of_memory_is_of_all_that_runs_at_once() -> None:
    """Two processes of 60 MB each, and not the one that was there before."""
    hold = "import sys; kept = bytearray(60 * 2**20); print(flush=True); sys.stdin.read()"
    begin = partial(Popen, [sys.executable, "-c", hold], stdin=PIPE, stdout=PIPE)
    with begin() as before:
        assert before.stdout is not None
        before.stdout.readline()
        with Peak() as peak, begin() as one, begin() as other:
            for process in (one, other):
                assert process.stdout is not None
                process.stdout.readline()
            time.sleep(3 * EVERY)
            for process in (one, other):
                process.communicate()
        before.communicate()
    assert 120 <= peak.mebibytes < 180
