"""The kernel is told the limits that a network declares, at the edges of what is accepted.

The plugin `bandwidth` counts in 32 bits. What the program refuses is shown to go wrong, because
nothing else says so: a pod that starts with another limit, or never gets a full packet.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from components.networks.chained.bandwidth import MOST_BURST, MOST_RATE
from components.parse import parse
from testbed.node.cni import Attachment, CniError, Result, Runtime
from testbed.node.entering import within
from testbed.node.namespaces import Space
from testbed.nodes import K3S
from testbed.tools import Tools
from tests.wire.declared import selection

PLUGINS: Final = "/images/cni-plugins"
POD, NODE = "10.9.0.5", "10.9.0.1"
FULL, SMALL = 1500 - 28, 100  # of the MTU's 1500 bytes IP and UDP take 28
LEAST_RATE: Final = 2824  # with the MTU 1500
ATTACHMENT: Final = Attachment("a" * 64, "/run/netns/pod", "net1")


@dataclass
class Limited:
    """A pod of a network with bandwidth, on a machine of its own."""

    space: Space
    runtime: Runtime

    def start(self, limits: dict[str, int]) -> dict[str, Any]:
        """Calls the plugins one after another; what the kernel holds for the node's end."""
        ipam = {"type": "static", "addresses": [{"address": f"{POD}/24", "gateway": NODE}]}
        found = selection(
            {
                "name": "lan",
                "type": "bridge",
                "bridge": "br0",
                "isGateway": True,
                "ipam": ipam,
                "bandwidth": {"ingressRate": 10**6, "ingressBurst": 10**6},
            }
        )
        network = json.loads(found.network.render())
        result: Result = {}
        for plugin in network["plugins"]:
            body = plugin | (limits if plugin["type"] == "bandwidth" else {})
            result = self.runtime.call("ADD", network, body, ATTACHMENT, result or None)
        (end,) = (
            one["name"]
            for one in result["interfaces"]
            if one["name"].startswith("veth") and not one.get("sandbox")
        )
        queues = json.loads(self.space.check("tc", "-json", "qdisc", "show", "dev", end))
        return {one["kind"]: one["options"] for one in queues}

    def hears(self, size: int) -> bool:
        """Whether a packet of the node, with that many bytes in it, gets to the pod."""
        pod = self.space.path(ATTACHMENT.netns)
        with (
            within(pod, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as ears,
            within(
                self.space.network, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ) as mouth,
        ):
            ears.bind((POD, 0))
            ears.settimeout(1.5)
            mouth.sendto(bytes(size), ears.getsockname())
            try:
                return len(ears.recv(FULL)) == size
            except TimeoutError:
                return False


@pytest.fixture
def pod(tools: Tools) -> Iterator[Limited]:
    with Space("limits", {"cni-plugins": tools.path("macvlan").parent}) as space:
        space.path(ATTACHMENT.netns).touch()
        lo = ("ip", "link", "set", "lo", "up")
        space.check("unshare", f"--net={ATTACHMENT.netns}", *lo)
        yield Limited(space, Runtime(space, PLUGINS))


def declared(rate: int, burst: int) -> dict[str, int]:
    return {"ingressRate": rate, "ingressBurst": burst}


def accepted(limits: dict[str, int]) -> bool:
    network = {"name": "lan", "type": "bridge", "bridge": "br0", "bandwidth": limits}
    cluster = {"distribution": "k3s", "version": K3S, "nodes": "single"}
    return parse({"cluster": cluster, "ipam": "host-local", "networks": [network]}).args is not None


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        (8 * 10**6, 8 * 10**5),
        (LEAST_RATE, 8 * 1520),
        (10**6, 8 * 1514),
        (10**6, 274 * 10**6),
        (LEAST_RATE, 274 * LEAST_RATE),
        (10**9, MOST_BURST),
        (MOST_RATE, MOST_BURST),
        (MOST_RATE, MOST_RATE // 10**4),
    ],
)
def test_what_is_accepted_is_what_the_kernel_holds(rate: int, burst: int, pod: Limited) -> None:
    limits = declared(rate, burst)
    assert accepted(limits)
    held = pod.start(limits)["tbf"]
    assert held["rate"] == rate // 8
    assert held["burst"] == pytest.approx(burst / 8, rel=0.01, abs=1)
    assert pod.hears(FULL)


@pytest.mark.parametrize(
    ("rate", "burst", "kept"),
    [(10**6, 275 * 10**6, 15_261), (10**6, 10**9, 21_920_784), (1000, 8 * 10**6, 16_452)],
)
def test_a_burst_over_the_edge_is_another(rate: int, burst: int, kept: int, pod: Limited) -> None:
    """It starts from zero again, and the pod starts as if all were well."""
    limits = declared(rate, burst)
    assert not accepted(limits)
    held = pod.start(limits)["tbf"]
    assert held["burst"] == kept < burst / 8


@pytest.mark.parametrize(("rate", "burst"), [(10**6, 12_000), (10**10, 12_112), (2700, 10**5)])
def test_limits_without_room_for_a_packet_drop_it(rate: int, burst: int, pod: Limited) -> None:
    limits = declared(rate, burst)
    assert not accepted(limits)
    pod.start(limits)
    assert pod.hears(SMALL)
    assert not pod.hears(FULL)


@pytest.mark.parametrize(("rate", "burst"), [(4, 8), (7, 80), (2**62, 2**34), (2**35, 8)])
def test_a_rate_that_the_kernel_does_not_take_lets_no_pod_start(
    rate: int, burst: int, pod: Limited
) -> None:
    limits = declared(rate, burst)
    assert not accepted(limits)
    with pytest.raises(CniError, match="create qdisc: invalid argument"):
        pod.start(limits)
