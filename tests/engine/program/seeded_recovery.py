"""Runs that end at points in time that chance chose: 20 of each operation.

Not among the tests, for the time that it takes: `make soak` runs it, and it adds a row to
docs/soak-recovery.md. What is asked of each point is what test_recovery.py asks.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from testbed.cluster import Cluster
from testbed.operations import Running
from testbed.tools import ROOT
from tests.engine.program.conftest import ChartSettings, MakeProgram
from tests.engine.program.test_recovery import HOW, live_on

POINTS: Final = 20
PAGE: Final = ROOT / "docs/soak-recovery.md"
LONGEST: Final = {"install": 8.0, "upgrade": 9.0, "destroy": 4.0}  # seconds, of a quiet machine
COLUMNS: Final = ("lives", "ended", "locked", "warned")


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What is counted over all points: a row of the page, once all of them have passed."""
    counted: Counter[str] = Counter()
    yield counted
    if not request.session.testsfailed and counted["lives"] == POINTS:
        cells = (dt.datetime.now(dt.UTC).date().isoformat(), *(counted[name] for name in COLUMNS))
        with PAGE.open("a", encoding="utf-8") as page:
            page.write(f"| {' | '.join(map(str, cells))} |\n")


@pytest.mark.parametrize("seed", range(POINTS))
def test_a_run_that_ends_at_any_time_goes_on(
    seed: int,
    cluster: Cluster,
    program: MakeProgram,
    chart: ChartSettings,
    seen: Counter[str],
) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret

    def reached(operation: str, running: Running) -> None:
        stop = time.monotonic() + chance.uniform(1, LONGEST[operation])
        while time.monotonic() < stop and running.process.poll() is None:
            time.sleep(0.05)

    seen.update(live_on(HOW[seed % len(HOW)], cluster, program, chart, reached))
    seen["lives"] += 1
