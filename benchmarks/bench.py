"""Measures the program beside its peers, each in turn with the other in one run.

    python -m benchmarks.bench [--pairs 10] [--only NAME ...] [--out docs/speed.md]

NAME is a measure's or a group's (`--list` prints them), or its first words: `networks-100`. The
page's plot is written beside it, and the numbers to benchmarks/results/bench.json. What was
measured on the same machine on the same day, and not anew, stays there.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from rich.progress import Progress

from benchmarks import local, page, pod_starts, whole
from benchmarks.measures import COUNTS, MEASURES, NODES, Round
from testbed.building import ToolError
from testbed.charts.package import REAL_CHARTS
from testbed.kubectl import ClusterError
from testbed.operations import OperationError
from testbed.tools import Tools, find_tools
from testbed.toolsets import Group as Toolset

RESULT: Final = Path(__file__).with_name("results") / "bench.json"
Group = Callable[[Tools | None], AbstractContextManager[Round]]
LOCAL: Final[Mapping[str, Group]] = {"program": local.program, "check": local.check}
GROUPS: Final[Mapping[str, Group]] = {
    **LOCAL,
    "lifecycle": whole.lifecycle,
    "resources": whole.resources,
    **{f"networks-{count}": whole.many(count) for count in COUNTS},
    **{f"nodes-{count}": whole.nodes(count) for count in NODES},
    "pods": pod_starts.pods,
}
MEASURED: Final[Mapping[str, Sequence[str]]] = {
    "lifecycle": ("up", "preview", "up-again", "destroy", "requests", "reads", "writes"),
    "resources": ("memory", "state", "written"),
}


def measure(groups: Sequence[str], pairs: int) -> dict[str, list[tuple[float, float]]]:
    """The pairs of each measure; what a group has measured stays where a later one fails."""
    found: dict[str, list[tuple[float, float]]] = {}
    needed: tuple[Toolset, ...] = ("engine",)
    if "pods" in groups:
        needed = ("engine", "wire", "nodes")
    tools = find_tools(*needed) if set(groups) - set(LOCAL) else None
    with Progress() as progress:
        bar = progress.add_task("", total=len(groups) * pairs)
        for group in groups:
            progress.update(bar, description=group)
            try:
                with GROUPS[group](tools) as run:
                    for number in range(pairs):
                        for name, ours, peer in run(number):
                            found.setdefault(name, []).append((ours, peer))
                        progress.advance(bar)
            except (ClusterError, OperationError, AssertionError, OSError) as error:
                progress.console.print(f"{group} ended early: {error}")
    return found


def facts() -> dict[str, Any]:
    """The machine, and how much else it did."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[2], 1),
        "chart": "published" if os.environ.get(REAL_CHARTS) else "this project's stand-in",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="print names, measure nothing")
    parser.add_argument("--out", type=Path, help="the page to write; else it is printed")
    parsed = parser.parse_args(arguments)
    if parsed.list:
        print("\n".join([*GROUPS, *(name for name in MEASURES if name not in GROUPS)]))
        return 0
    wanted = [one for one in GROUPS if _is_wanted(one, parsed.only)]
    if not wanted or parsed.pairs < 1:
        parser.error("there is nothing to measure. --list has the names; --pairs is 1 or more")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machine, before = facts(), _before()
    try:
        found = measure(wanted, parsed.pairs)
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written and nothing is left running", file=sys.stderr)
        return 130
    if parsed.out is None:
        print(page.markdown(machine, found))
        return 0
    together, whole = merged(before["machine"], before["pairs"], machine, found)
    RESULT.write_text(json.dumps({"machine": together, "pairs": whole}, indent=1), encoding="utf-8")
    page.write(parsed.out, together, whole)
    return 0


def _before() -> dict[str, Any]:
    """The run that is there; nothing where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
        return found
    return {"machine": {}, "pairs": {}}


def merged(
    before: Mapping[str, Any], old: page.Found, machine: Mapping[str, Any], found: page.Found
) -> tuple[Mapping[str, Any], page.Found]:
    """Both runs as one, with the greater load, if they are of one machine and day; else the new."""
    if any(machine[key] != before.get(key) for key in machine.keys() - {"load"}):
        return machine, found
    return {**machine, "load": max(machine["load"], before["load"])}, {**old, **found}


def _is_wanted(group: str, only: Sequence[str] | None) -> bool:
    """Whether the group, or one of its measures, was asked for."""
    names = [group, *_measures_of(group)]
    return not only or any(f"{name}-".startswith(f"{one}-") for one in only for name in names)


def _measures_of(group: str) -> list[str]:
    own = [name for name in MEASURES if name == group or name.startswith(f"{group}-")]
    return [*MEASURED.get(group, own)]


if __name__ == "__main__":
    sys.exit(main())
