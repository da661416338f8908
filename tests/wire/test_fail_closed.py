"""Pods that start while Multus is away, and on a node that comes back.

The control arm is the layout that K3s and the chart give: pods start without their networks there,
Running and Ready. docs/never-without.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from components.fail_closed import LABEL, NAME, NETWORK
from testbed.kubectl import condition
from testbed.node.cni import CniError
from testbed.node.layout import Layout
from testbed.node.node import Node
from testbed.node.pod import REFUSED, Pod
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings
from tests.wire.deployed import HOST_LOCAL, K3S, MULTUS, STACK, Deployed

LAN = "default/lan"
PODS, RESTARTS = 40, 2
ADDRESSES = "/run/cni/networks/default.lan"
CLOSED = {**K3S, "failClosed": True}
# By name: what the nodes are, and what the stack says of them.
LAYOUTS: dict[str, tuple[Callable[[], Layout], dict[str, Any]]] = {
    "default": (Layout.k3s, K3S),
    "fail closed": (partial(Layout.k3s, fail_closed=True), CLOSED),
    "fail closed, another default network": (
        partial(Layout, flannel=False, fail_closed=True),
        {**CLOSED, "flannel": False},
    ),
}


@pytest.fixture(scope="module")
def stack(declared: Callable[..., Deployed], chart: ChartSettings) -> Deployed:
    return declared([SPLIT], chart=chart(IN_CHART), ipam="host-local", networks=HOST_LOCAL)


@pytest.fixture(scope="module", params=LAYOUTS)
def site(stack: Deployed, request: pytest.FixtureRequest) -> tuple[Deployed, bool]:
    """The stack on fresh nodes of a layout, and whether it is fail closed."""
    nodes, cluster = LAYOUTS[request.param]
    stack.start_nodes(nodes, settled=False)
    stack.up(cluster=cluster)
    stack.settle()
    return stack, bool(cluster.get("failClosed"))


def configurations(node: Node) -> Path:
    return node.space.path(node.layout.conf_dir)


def configured(node: Node) -> bool:
    return any(one.stem == "00-multus" for one in configurations(node).iterdir())


def waits(pod: Pod) -> bool:
    """Its sandbox cannot be made; or its old one is not removed, where Multus never was."""
    return bool(pod.events(REFUSED) or pod.events("SandboxChanged"))


def started_during(work: Callable[[], object], site: Deployed) -> list[Pod]:
    """Pods that are made on both nodes until the work is done, and so many at least."""
    pods: list[Pod] = []
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        while not done.done() or len(pods) < PODS:
            pod = site.nodes[len(pods) % 2].pod(networks=site.annotation(LAN))
            pod.create()
            pods.append(pod)
            wait([done], 0.4)
        done.result()
    return pods


def without_network(site: Deployed, pods: Sequence[Pod], starts: int = 1) -> list[Pod]:
    """Those of the pods that run without net1, once each was started so often and is ready."""

    def run() -> set[str]:
        found = [one for one in site.cluster.items("pods") if condition(one, "Ready") == "True"]
        return {
            one["metadata"]["name"]
            for one in found
            if one["status"]["containerStatuses"][0]["restartCount"] == starts - 1
        }

    names = {pod.name for pod in pods}
    site.cluster.wait_for(lambda: names <= run(), "all of the pods to run", 120)
    for pod in pods:
        pod.made()
    return [pod for pod in pods if "net1" not in pod.links()]


@pytest.mark.parametrize("site", ["default", "fail closed"], indirect=True)
def test_pods_that_start_while_multus_is_restarted(site: tuple[Deployed, bool]) -> None:
    stack, closed = site

    def restart() -> None:
        for _ in range(RESTARTS):
            stack.cluster.kubectl("rollout", "restart", *MULTUS)
            stack.cluster.kubectl("rollout", "status", *MULTUS, "--timeout=60s", timeout=70)

    pods = started_during(restart, stack)
    found = without_network(stack, pods)
    print(f"{len(found)} of {len(pods)} run without their network")
    assert closed is (found == [])
    stack.stop_pods()


@pytest.mark.parametrize("site", ["fail closed"], indirect=True)
def test_pods_that_start_while_up_changes_multus(
    site: tuple[Deployed, bool], chart: ChartSettings
) -> None:
    """The control arm is in test_missed.py."""
    stack, _ = site
    pods = started_during(partial(stack.up, chart=chart(SPLIT)), stack)
    assert without_network(stack, pods) == []
    stack.stop_pods()


def test_pods_start_end_and_come_back_while_multus_is_away(site: tuple[Deployed, bool]) -> None:
    stack, closed = site
    here, reborn = stack.nodes
    held = here.space.path(ADDRESSES)
    old, *again = stack.pods([here, reborn, reborn], LAN)
    (address,) = (str(one.ip) for one in old.addresses())
    assert (held / address).exists()
    reborn.power_off()
    with stack.without_multus():
        stack.cluster.wait_for(lambda: not configured(here), "Multus to end")
        reborn.power_on()
        new, other = (here.pod(networks=stack.annotation(LAN)) for _ in range(2))
        for pod in (new, other):
            pod.create()
        if closed:
            for pod in (new, other, *again):
                stack.cluster.wait_for(partial(waits, pod), "a pod to say what it waits for")
            assert NETWORK in new.events(REFUSED)[0]
            found = {one["subject"]: one["check"] for one in stack.doctor()}
            assert found[f"default/{new.name}"] == "waiting"
            assert {name for name, why in found.items() if why == "node"} == {
                node.name for node in stack.nodes
            }
            for node in stack.nodes:
                found = stack.cluster.kubectl_json("get", "node", node.name)
                assert condition(found, "Ready") == "True"
        else:
            assert without_network(stack, [new, other]) == [new, other]
            assert without_network(stack, again, 2) == again
        old.stop()
        other.stop()
        assert (held / address).exists() is not closed  # which is then nobody's for good
    if closed:
        assert without_network(stack, [new]) == without_network(stack, again, 2) == []
    stack.stop_pods()


@pytest.mark.parametrize("site", ["fail closed"], indirect=True)
def test_removal_and_the_way_back(site: tuple[Deployed, bool]) -> None:
    stack, _ = site
    node = stack.nodes[0]
    refused = stack.checkout.destroy(STACK)
    assert "wait for Multus" in "".join(refused.errors)
    assert "net1" in stack.pod(node, LAN).links()
    stack.stop_pods()

    # The control arm: without Multus, and with the file, no pod starts.
    stack.checkout.destroy(STACK, env={"MULTUS_LEAVE_NODES": "true"}).check()
    with pytest.raises(CniError, match=NETWORK):
        node.pod().start()
    for one in stack.nodes:
        (configurations(one) / NAME).unlink()
    pod = node.pod()
    pod.start()
    assert set(pod.links()) == {"lo", "eth0"}
    stack.stop_pods()
    stack.cluster.kubectl("label", "nodes", "--all", f"{LABEL}-")
    stack.up(cluster=K3S)
    assert "net1" in stack.pod(node, LAN).links()
    stack.stop_pods()
    assert stack.checkout.destroy(STACK).ok
