"""Measures IPAM plugins side by side, and writes the numbers into docs/ipam.md.

    python -m benchmarks.ipam [--rounds 5] [--pods 64] [--quick] [--out docs/ipam.md]
    python -m benchmarks.ipam --redraw      the table and the plot anew, from the last result

As root on Linux, on a quiet machine. `--quick` shows whether it works, and writes nothing unless
--out names a file.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import report
from benchmarks.arms import ARMS, CONCURRENCIES, Arm, arm
from benchmarks.deployment import K3S, deployed
from benchmarks.load import BenchmarkError, batch
from benchmarks.measures import CHART
from benchmarks.numbers import middle
from benchmarks.results import Batch, Run, cells
from testbed.building import ToolError
from testbed.charts.package import REAL_CHARTS
from testbed.kubectl import ClusterError
from testbed.node.namespaces import SpaceError
from testbed.node.node import obstacle
from testbed.operations import OperationError
from testbed.tools import Tools, find_tools

SEED: Final = 20
SHOWN: Final = ("etcd", "kube-apiserver", "multus", "whereabouts", "macvlan")


def measure(
    tools: Tools, arms: Sequence[Arm], concurrencies: Sequence[int], rounds: int, pods: int
) -> list[Batch]:
    """All batches. In each round the order is another, by a fixed seed."""
    order = random.Random(SEED)  # noqa: S311  nothing is kept secret by it
    found: list[Batch] = []
    with deployed(tools, tuple(one.name for one in arms)) as deployment:
        # Bridges, pools, caches: what the first pod of each kind pays for all.
        for one in arms:
            first = batch(deployment, one, 2, 4)
            if not first.adds:
                raise BenchmarkError(f"no pod of {one.name} starts: {first.refused[0]}")
        for number in range(rounds):
            plan = [(one, concurrency) for one in arms for concurrency in concurrencies]
            order.shuffle(plan)
            for one, concurrency in plan:
                done = batch(deployment, one, concurrency, pods)
                found.append(done)
                _say(number, done)
    # As the table has them, whatever the order in which they were measured.
    rank = {one.name: place for place, one in enumerate(arms)}
    return sorted(found, key=lambda done: (rank[done.arm], done.concurrency))


def _say(number: int, done: Batch) -> None:
    times = f"{middle(done.adds) * 1000:8.1f} ms" if done.adds else "   none"
    refused = f", {len(done.refused)} refused: {done.refused[0]}" if done.refused else ""
    failed = f", {done.failed} given up" if done.failed else ""
    rate = len(done.adds) / done.wall
    print(
        f"round {number + 1}: {done.arm:12} {done.concurrency:3} at a time: {times}, "
        f"{rate:6.1f}/s (busy before: {done.busy_before:.0%}){failed}{refused}",
        flush=True,
    )


def described(tools: Tools, batches: Sequence[Batch], rounds: int, pods: int) -> Run:
    """The batches with all that is needed to read them."""
    charts = "the published package" if os.environ.get(REAL_CHARTS) else "this project's stand-in"
    return Run(
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        machine={
            "kernel": platform.release(),
            "cores": str(os.cpu_count()),
            "processor": _processor(),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        },
        versions={
            **{name: tools.get(name).version for name in SHOWN},
            "chart": f"{CHART}, {charts}",
            "K3s paths": str(K3S["version"]),
        },
        setting={"nodes": "2", "etcd": "waits for the disk"},
        rounds=rounds,
        pods=pods,
        seed=SEED,
        busy_before=round(middle([done.busy_before for done in batches]), 3),
        cells=cells(batches),
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.machine()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ipam", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, help="the page to refresh; its plot lies beside it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pods", type=int, default=64, help="started in each batch")
    parser.add_argument("--only", action="append", choices=[one.name for one in ARMS])
    parser.add_argument("--quick", action="store_true", help="one round of few pods")
    parser.add_argument("--redraw", action="store_true", help="measure nothing")
    parsed = parser.parse_args(arguments)
    page: Path | None = parsed.out or (None if parsed.quick or parsed.only else report.PAGE)
    if parsed.redraw:
        report.refresh(Run.read(report.RESULT), page or report.PAGE)
        return 0
    # A background job of a shell ignores ctrl-C; CI ends a job with SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if (reason := obstacle()) is not None:
        print(f"error: no real node can be had: {reason}", file=sys.stderr)
        return 1
    if parsed.pods < 2 or parsed.pods % 2 or parsed.rounds < 1:
        parser.error("--pods is an even number, since there are two nodes; --rounds is 1 or more")
    arms = [arm(name) for name in parsed.only] if parsed.only else list(ARMS)
    rounds, pods = (1, 16) if parsed.quick else (parsed.rounds, parsed.pods)
    wanted = [one for one in CONCURRENCIES if one <= pods]
    try:
        tools = find_tools("engine", "wire", "nodes")
        run = described(tools, measure(tools, arms, wanted, rounds, pods), rounds, pods)
    except (BenchmarkError, ClusterError, OperationError, SpaceError, ToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written and nothing is left running", file=sys.stderr)
        return 130
    if page is None:
        print(report.table(run))
        return 0
    report.RESULT.write_text(run.text(), encoding="utf-8")
    report.refresh(run, page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
