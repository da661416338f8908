"""Whole operations of the engine, each in turn with a peer: seconds, requests, memory, state.

Both arms do the same to one API server, on the same simulated nodes, with the same chart and
networks. Which begins changes from round to round.
"""

from __future__ import annotations

import base64
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import yaml

from benchmarks.live import SPACE, Bench, ByHand, definitions, in_turn, opened, timed
from benchmarks.local import CLUSTER, networks
from benchmarks.measures import FEW, STACK, Pairs, Round
from benchmarks.memory import Peak
from testbed.tools import Tools

Opened = Callable[[Tools | None], contextlib.AbstractContextManager[Round]]
UNSAFE: Final = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
READS: Final = ("get", "list", "watch")
SETTINGS: Final = {"cluster": CLUSTER, "ipam": "whereabouts", "networks": networks(FEW)}


def _by_verb(found: Counter[str]) -> dict[str, float]:
    """All, those that read, and those that write."""
    reads = sum(found[verb] for verb in READS)
    return {"requests": found.total(), "reads": reads, "writes": found.total() - reads}


class Lifecycle:
    """From nothing to nothing, by the program and by Helm and kubectl."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.hand = bench, ByHand(bench, SETTINGS)
        bench.pulumi("up", empty=True)

    def ours(self) -> dict[str, float]:
        bench, before = self.bench, self.bench.requests()
        found = {
            "up": bench.pulumi("up"),
            **_by_verb(bench.requests(before)),
            "preview": bench.pulumi("preview"),
            "up-again": bench.pulumi("up"),
            "destroy": bench.pulumi("destroy"),
        }
        bench.clear()
        return found

    def peer(self) -> dict[str, float]:
        bench, before = self.bench, self.bench.requests()
        found = {
            "up": timed(self.hand.install),
            **_by_verb(bench.requests(before)),
            "preview": bench.pulumi("preview", empty=True),
            "up-again": timed(self.hand.again),
            "destroy": timed(self.hand.remove),
        }
        bench.clear()
        return found


@contextmanager
def lifecycle(tools: Tools | None) -> Iterator[Round]:
    """All of a life on a few nodes."""
    with opened(tools, audited=True) as bench:
        bench.cluster.add_nodes(FEW)
        life = Lifecycle(bench)

        def run(number: int) -> Pairs:
            ours, peer = in_turn(number, life.ours, life.peer)
            for name, took in ours.items():
                yield name, took, peer[name]

        yield run


def nodes(count: int) -> Opened:
    """A fresh `up` on so many nodes."""

    @contextmanager
    def on_nodes(tools: Tools | None) -> Iterator[Round]:
        with opened(tools) as bench:
            bench.cluster.add_nodes(count, timeout=300.0)
            hand = ByHand(bench, SETTINGS)

            def ours() -> float:
                took = bench.pulumi("up")
                bench.pulumi("destroy")
                bench.clear()
                return took

            def peer() -> float:
                took = timed(hand.install)
                hand.remove()
                bench.clear()
                return took

            def run(number: int) -> Pairs:
                yield (f"nodes-{count}", *in_turn(number, ours, peer))

            yield run

    return on_nodes


@contextmanager
def resources(tools: Tools | None) -> Iterator[Round]:
    """Memory and bytes of a fresh `up`, apart from its seconds, which sampling would lengthen."""
    with opened(tools) as bench:
        bench.cluster.add_nodes(FEW)
        hand = ByHand(bench, SETTINGS)

        def ours() -> dict[str, float]:
            with Peak() as peak:
                result = bench.ours.up(STACK).check()
            found = {"memory": peak.mebibytes, "state": _state(bench), "written": result.written}
            bench.pulumi("destroy")
            bench.clear()
            return found

        def peer() -> dict[str, float]:
            with Peak() as peak:
                hand.install()
            found = {"memory": peak.mebibytes, "state": _records(bench)}
            hand.remove()
            bench.clear()
            return found

        def run(number: int) -> Pairs:
            mine, theirs = in_turn(number, ours, peer)
            yield "memory", mine["memory"], theirs["memory"]
            yield "state", mine["state"], theirs["state"]
            yield "written", mine["written"] / 1024, mine["state"]

        yield run


def _state(bench: Bench) -> float:
    """KiB of the stack's state."""
    file = bench.ours.state_file(STACK)
    return file.stat().st_size / 1024


def _records(bench: Bench) -> float:
    """KiB of what Helm keeps of its releases in the cluster, as it keeps it."""
    found = bench.cluster.items("secrets", "-n", SPACE, "-l", "owner=helm")
    return sum(len(base64.b64decode(one["data"]["release"])) for one in found) / 1024


def many(count: int) -> Opened:
    """So many networks on a cluster that has Multus's CRDs, by the program and by kubectl."""

    @contextmanager
    def with_networks(tools: Tools | None) -> Iterator[Round]:
        with opened(tools) as bench:
            bench.helm("install", *bench.crd_chart(), "--wait")
            settings: Mapping[str, Any] = {"deploy": "networks", "networkFiles": ["networks.yaml"]}
            bench.ours.configure(STACK, {"cluster": CLUSTER, **settings, "preflight": "off"})
            file = bench.ours.path / "networks.yaml"
            declared = networks(count)

            def write(*, changed: bool) -> None:
                mtu = {"mtu": 1400} if changed else {}
                file.write_text(yaml.safe_dump([{**declared[0], **mtu}, *declared[1:]]))

            write(changed=False)
            bench.pulumi("up", empty=True)
            bench.pulumi("up")
            by_hand = definitions(bench)
            bench.pulumi("destroy")

            def run(number: int) -> Pairs:
                del number
                empty_up = bench.pulumi("up", empty=True)
                empty = bench.pulumi("preview", empty=True)
                apply = ("apply", "--server-side", "-f", "-")
                peer = empty_up + timed(lambda: bench.kubectl(*apply, body=by_hand))
                gone = timed(lambda: bench.kubectl("delete", "-f", "-", body=by_hand))
                yield (
                    f"networks-{count}-up-without-checkpoints",
                    bench.pulumi("up", env=UNSAFE),
                    peer,
                )
                bench.pulumi("destroy")
                result = bench.ours.up(STACK, timeout=1200.0).check()
                yield f"networks-{count}-up", result.seconds, peer
                yield f"networks-{count}-written", result.written / 1024, _state(bench)
                yield f"networks-{count}-preview", bench.pulumi("preview"), empty
                write(changed=True)
                yield f"networks-{count}-one-changed", bench.pulumi("preview"), empty
                write(changed=False)
                yield f"networks-{count}-destroy", bench.pulumi("destroy"), gone

            yield run

    return with_networks
