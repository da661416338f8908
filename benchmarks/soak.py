"""Lets pods come and go on two real nodes for a long time, and counts lost addresses.

    python -m benchmarks.soak [--minutes 10] [--pods 100] [--out docs/soak.md]

As root on Linux. A deployment's pods are deleted in batches, some by force, and made anew. In the
end each pod must have its network (none missing), no address may be held for a pod that is gone
(none stale), and no two pods may have one address (none double). The result is one line of a table.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.progress import Progress

from benchmarks.deployment import Deployment, deployed
from benchmarks.measures import CHART
from testbed.building import ToolError
from testbed.kubectl import ClusterError
from testbed.node.namespaces import SpaceError
from testbed.node.node import obstacle
from testbed.node.pod import STATUS
from testbed.node.pod import deployment as deployment_of
from testbed.operations import OperationError
from testbed.tools import find_tools

NAME: Final = "churn"
NETWORK: Final = "default/whereabouts"
SEED: Final = 13
BATCH: Final = 10  # pods that go at one time
FORCED: Final = 4  # each such batch goes by force
SETTLED_SECONDS: Final = 600.0
STILL: Final = 120.0  # seconds without any change, after which nothing more is to be expected
HEAD: Final = (
    "| date | chart | pods | minutes | started | missing | stale | double |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


@dataclass(frozen=True)
class Soaked:
    """What was found in the end. `started` counts all pods, those that are gone too."""

    pods: int
    minutes: float
    started: int
    missing: int
    stale: int
    double: int

    @property
    def row(self) -> str:
        day = dt.datetime.now(dt.UTC).date().isoformat()
        counts = (self.pods, f"{self.minutes:g}", self.started)
        cells = (day, CHART, *counts, self.missing, self.stale, self.double)
        return f"| {' | '.join(map(str, cells))} |\n"


def soak(deployment: Deployment, pods: int, minutes: float) -> Soaked:
    """Let pods come and go, then settle, then count."""
    cluster, order = deployment.cluster, random.Random(SEED)  # noqa: S311  no secret
    cluster.kubectl("cordon", *deployment.simulated)
    cluster.create(deployment_of(NAME, NETWORK, pods))
    _settle(deployment, pods)
    started = {one["metadata"]["uid"] for one in _pods(deployment)}
    began, batch = time.monotonic(), 0
    with Progress() as progress:
        bar = progress.add_task("churning", total=minutes * 60)
        while (passed := time.monotonic() - began) < minutes * 60:
            progress.update(bar, completed=passed)
            found = _pods(deployment)
            started |= {one["metadata"]["uid"] for one in found}
            running = [one["metadata"]["name"] for one in found if _address(one)]
            going = order.sample(running, min(BATCH, len(running)))
            force = ("--force", "--grace-period=0") if batch % FORCED == 0 else ("--wait=false",)
            if going:
                gone = ("--ignore-not-found", *going)
                cluster.kubectl("delete", "pod", "-n", "default", *force, *gone)
            batch += 1
            time.sleep(1)
    _settle(deployment, pods)
    found = _pods(deployment)
    started |= {one["metadata"]["uid"] for one in found}
    return counted(found, _held(deployment), minutes, len(started))


def counted(
    found: Sequence[Mapping[str, Any]], held: set[str], minutes: float, started: int
) -> Soaked:
    """What is wrong with pods, and with the addresses that Whereabouts counts as theirs."""
    addresses = Counter(_address(one) for one in found)
    missing = addresses.pop("", 0)
    stale = len(_stale(found, held))
    double = sum(number - 1 for number in addresses.values())
    return Soaked(len(found), minutes, started, missing, stale, double)


def _settle(deployment: Deployment, pods: int) -> None:
    """Until all pods are ready, and no address of a pod that is gone comes free any more.

    A node takes the pods that it has to end one after the other, each with Whereabouts' election
    of a leader: after minutes of churn there is a queue.
    """
    until = ("rollout", "status", f"deployment/{NAME}", "-n", "default", "--timeout=300s")
    deployment.cluster.kubectl(*until, timeout=310)
    stop = time.monotonic() + SETTLED_SECONDS
    left, changed = -1, time.monotonic()
    while (now := _left(deployment, pods)) and time.monotonic() < min(stop, changed + STILL):
        if now != left:
            left, changed = now, time.monotonic()
        time.sleep(1)


def _left(deployment: Deployment, pods: int) -> int:
    """Pods that are still to end, and addresses that are still to come free."""
    found = _pods(deployment)
    return max(len(found) - pods, 0) + len(_stale(found, _held(deployment)))


def _stale(found: Sequence[Mapping[str, Any]], held: set[str]) -> set[str]:
    return held - {f"default/{one['metadata']['name']}" for one in found}


def _pods(deployment: Deployment) -> list[dict[str, Any]]:
    return deployment.cluster.items("pods", "-n", "default", f"--selector=app={NAME}")


def _address(pod: Mapping[str, Any]) -> str:
    """What Multus says that the pod has on the network; empty where it has none."""
    said = json.loads((pod["metadata"].get("annotations") or {}).get(STATUS, "[]"))
    return next((",".join(one["ips"]) for one in said if one["name"] == NETWORK), "")


def _held(deployment: Deployment) -> set[str]:
    """The pods for which Whereabouts counts an address."""
    pools = deployment.cluster.items("ippools.whereabouts.cni.cncf.io", "-A")
    return {one["podref"] for pool in pools for one in pool["spec"]["allocations"].values()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--out", type=Path, help="the page that gets one more row")
    parsed = parser.parse_args(arguments)
    # A background job of a shell ignores ctrl-C; CI ends a job with SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if (reason := obstacle()) is not None:
        print(f"error: no real node can be had: {reason}", file=sys.stderr)
        return 1
    try:
        with deployed(find_tools("engine", "wire", "nodes"), ("whereabouts",)) as deployment:
            result = soak(deployment, parsed.pods, parsed.minutes)
    except (ClusterError, OperationError, SpaceError, ToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written and nothing is left running", file=sys.stderr)
        return 130
    print(HEAD + result.row, end="")
    if parsed.out is not None:
        with parsed.out.open("a", encoding="utf-8") as page:
            page.write(result.row)
    return int(any((result.missing, result.stale, result.double)))


if __name__ == "__main__":
    sys.exit(main())
