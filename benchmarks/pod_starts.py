"""How long pods take to start on real nodes, deployed by the program and by hand.

From the pod's object to Ready as the kubelet sees it, with `kubectl create` and `kubectl wait`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from benchmarks.deployment import K3S, WIRE, layout, settings
from benchmarks.dhcp_server import serving
from benchmarks.live import Bench, ByHand, in_turn, opened, timed
from benchmarks.measures import CHART, CROWD, STARTS, Pairs, Round
from testbed.node.images import of_chart
from testbed.node.node import Node, started
from testbed.node.pod import start_all, stop_all
from testbed.tools import Tools

PATIENCE: Final = 300.0  # seconds, which a crowd may take


def measured(nodes: list[Node]) -> dict[str, float]:
    """Seconds of one pod with each number of networks of each IPAM plugin, and of a crowd."""
    found = {}
    for name, (ipam, count) in STARTS.items():
        number = CROWD if name == f"pods-{CROWD}" else 1
        asked = ",".join([f"default/{ipam}"] * count)
        pods = [nodes[at % len(nodes)].pod(networks=asked) for at in range(number)]
        found[name] = timed(lambda pods=pods: start_all(pods, PATIENCE))  # type: ignore[misc]
        stop_all(pods, PATIENCE)
    return found


@contextmanager
def pods(tools: Tools | None) -> Iterator[Round]:
    with opened(tools, real=True, durable=True) as bench, ExitStack() as held:
        assert tools is not None
        images = of_chart(CHART)
        nodes = held.enter_context(
            started(bench.cluster, tools, images=images, layout=layout, masters=[WIRE])
        )
        held.enter_context(serving(nodes[0].lan, WIRE))
        hand = ByHand(bench, {"cluster": K3S, **settings()})

        def run(number: int) -> Pairs:
            ours, peer = in_turn(
                number, lambda: _by_the_program(bench, nodes), lambda: _by_hand(hand, nodes)
            )
            for name, took in ours.items():
                yield name, took, peer[name]

        yield run


def _by_the_program(bench: Bench, nodes: list[Node]) -> dict[str, float]:
    bench.pulumi("up")
    found = measured(nodes)
    bench.pulumi("destroy")
    bench.clear()
    return found


def _by_hand(hand: ByHand, nodes: list[Node]) -> dict[str, float]:
    hand.install()
    found = measured(nodes)
    hand.remove()
    hand.bench.clear()
    return found
