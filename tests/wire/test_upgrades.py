"""The chart is changed by `up` under running pods, and others start meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from testbed.node.pod import addresses, deployment
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings
from tests.wire.deployed import Deployed
from tests.wire.stream import stream

NETWORK = {
    "name": "storage",
    "type": "macvlan",
    "master": "eth1",
    "ipam": {"type": "whereabouts", "range": "192.168.20.0/24"},
}
EVERY = 2.0  # seconds from one new pod to the next
LATE = ("-l", "app=late")


@pytest.fixture(scope="module")
def site(deployed: Callable[..., Deployed], chart: ChartSettings) -> Deployed:
    old = chart(IN_CHART)
    # Whereabouts takes its whole 30 s to end, on one node after the other.
    return deployed(
        versions=[SPLIT], chart=old, ipam="whereabouts", networks=[NETWORK], timeout=150
    )


@contextlib.contextmanager
def new_pods(site: Deployed) -> Iterator[None]:
    """One after another for the length of a block."""
    over = threading.Event()
    site.cluster.create(deployment("late", site.annotation("default/storage"), 0))

    def grow() -> None:
        replicas = 0
        while not over.wait(EVERY):
            replicas += 1
            site.cluster.kubectl("scale", "deployment", "late", f"--replicas={replicas}")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_running_pods_lose_no_packet_and_new_ones_get_their_networks(
    site: Deployed, chart: ChartSettings
) -> None:
    pair = site.pods(site.nodes, "default/storage")
    before = site.nodes[0].system_pod("multus")["metadata"]["uid"]
    with stream(pair[0], pair[1]) as seen, new_pods(site):
        site.up(chart=chart(SPLIT))
    assert seen.sent > 50
    assert seen.lost == []
    assert site.nodes[0].system_pod("multus")["metadata"]["uid"] != before
    site.cluster.kubectl("rollout", "status", "deployment/late", "--timeout=60s", timeout=70)
    held = [addresses(pod).get("net1") for pod in site.cluster.items("pods", *LATE)]
    assert len(held) > 1
    assert None not in held
    assert len({*held, *(str(pod.addresses()[0].ip) for pod in pair)}) == len(held) + len(pair)
    site.cluster.kubectl("delete", "deployment", "late", "--cascade=foreground", timeout=70)
    site.stop_pods()
