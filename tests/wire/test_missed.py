"""Pods that start while Multus is replaced: who misses a network, who says so, what prevents it."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from testbed.node.images import POD
from testbed.node.pod import NETWORKS
from testbed.results import Result
from tests.engine.program.conftest import edit
from tests.wire.deployed import STACK, Deployed
from tests.wire.stream import stream

# Each node has its own bridge, on which its addresses are given once.
LAN: Final = {
    "name": "lan",
    "allow": ["host-local-on-several-nodes"],
    "type": "bridge",
    "bridge": "br1",
    "ipam": {"type": "host-local", "subnet": "192.168.20.0/24"},
}
CONF: Final = "/var/lib/rancher/k3s/agent/etc/cni/net.d"
HOLD: Final = "components/cluster_tasks/hold.py"
HOLDS: Final = {"    if not made:\n": "    if made or not made:\n"}
NUMBERS: Final = itertools.count()
LEVELS: Final = itertools.cycle(["debug", "verbose"])
EVERY: Final = 0.5  # seconds between two pods
ONE_EACH: Final = 4  # of how many pods one is bare
TRIES: Final = 5


@pytest.fixture(scope="module")
def site(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="host-local", networks=[LAN])


@pytest.fixture(autouse=True)
def _no_pods_stay(site: Deployed) -> Iterator[None]:
    yield
    for kind in ("replicasets", "pods"):
        site.cluster.kubectl("delete", kind, "--all", "--timeout=60s", timeout=70)


def pod(number: int, node: str, asked: str) -> dict[str, Any]:
    """The pod of a ReplicaSet of one, or a bare one."""
    labels = {"app": f"{node}-{number}"}
    meta = {"name": labels["app"], "namespace": "default", "labels": labels}
    notes = {**meta, "annotations": {NETWORKS: asked}}
    container = {"name": "main", "image": POD, "imagePullPolicy": "Never"}
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 1, "containers": [container]}
    if number % ONE_EACH == 0:
        return {"apiVersion": "v1", "kind": "Pod", "metadata": notes, "spec": spec}
    template = {"metadata": {**notes, "name": None}, "spec": spec}
    whole = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": whole}


def upgraded(site: Deployed, **settings: Any) -> Result:
    """An `up` that replaces Multus's pods, while pods start on both nodes until it ends."""
    level = {"config": {"cni_conf": {"logLevel": next(LEVELS)}}}
    site.checkout.configure(STACK, {"extraValues": level, **settings})
    started = site.checkout.start("up", STACK)
    over = threading.Event()
    names = [node.name for node in site.nodes]

    def start_pods() -> None:
        for number in NUMBERS:
            site.cluster.create(pod(number, names[number % 2], site.annotation("default/lan")))
            if over.wait(EVERY):
                return

    starting = threading.Thread(target=start_pods)
    starting.start()
    try:
        return started.wait()
    finally:
        over.set()
        starting.join()
        wait = ("--for=condition=Ready", "pods", "--all", "--timeout=60s")
        site.cluster.kubectl("wait", *wait, timeout=70)


def upgraded_until(found: Callable[[Result], object], site: Deployed, **settings: Any) -> Result:
    """The first of a few such upgrades with `found`: a gap may be too short for a pod to start."""
    for _ in range(TRIES):
        result = upgraded(site, **settings).check()
        if found(result):
            return result
    raise AssertionError(f"no pod started without its network in {TRIES} upgrades")


def links(process: int) -> str:
    """The interfaces that a process sees, each with its counters."""
    return Path(f"/proc/{process}/net/dev").read_text()


def lacking(site: Deployed) -> set[str]:
    """The pods without net1, by the kernel."""
    nodes = {node.name: node for node in site.nodes}
    return {
        one["metadata"]["name"]
        for one in site.cluster.items("pods")
        if "net1" not in links(nodes[one["spec"]["nodeName"]].processes_of(one)[0])
    }


def doctor(site: Deployed) -> set[str]:
    """The pods that it says have no network."""
    missed = [one["subject"] for one in site.doctor() if one["check"] == "missed"]
    return {one.removeprefix("default/") for one in missed}


def listed(result: Result) -> str:
    """What `up` said of them."""
    found = [one for one in (*result.warnings, *result.errors) if "networks that" in one]
    return "\n".join(found)


def restarted(result: Result) -> set[str]:
    """The ReplicaSets of the pods that it restarted."""
    said = [one.message for one in result.diagnostics if "restarted for" in one.message]
    return {*re.findall("default/(node-[0-9]+-[0-9]+)-", "".join(said))}


def test_while_up_replaces_multus_no_pod_starts_without_its_network(site: Deployed) -> None:
    pair = site.pods([site.nodes[0]] * 2, "default/lan")
    with stream(pair[0], pair[1]) as seen:
        result = upgraded(site).check()
    assert seen.sent > 50
    assert seen.lost == []
    assert lacking(site) == set()
    assert listed(result) == ""
    assert site.doctor() == []
    for node in site.nodes:
        site.cluster.wait_for(
            lambda node=node: (
                {one.name for one in node.space.path(CONF).iterdir()}  # type: ignore[misc]
                == {"00-multus.conflist", "10-flannel.conflist", "multus.d"}
            ),
            "the held configuration to go",
        )


@pytest.fixture
def open_site(site: Deployed) -> Iterator[Deployed]:
    """The control: nothing holds the configuration."""
    text = edit(site.checkout, HOLD, HOLDS)
    yield site
    (site.checkout.path / HOLD).write_text(text)


def test_control_otherwise_some_do_and_up_and_doctor_say_so(open_site: Deployed) -> None:
    said = listed(upgraded_until(listed, open_site))
    missed = lacking(open_site)
    # A pod may start in the moment between this and Multus's first configuration.
    in_time = {name for name in missed if f"default/{name}" in said}
    assert in_time
    assert f"{len(in_time)} of {len(in_time)} since this run began" in said
    assert doctor(open_site) == missed


def test_restart_gives_them_their_networks_but_for_bare_pods(open_site: Deployed) -> None:
    anew = restarted(upgraded_until(restarted, open_site, missed="restart"))
    left = lacking(open_site)
    assert not [name for name in left if name.rpartition("-")[0] in anew]
    bare = {one["metadata"]["name"] for one in open_site.cluster.items("pods") if is_bare(one)}
    assert not bare & anew


def is_bare(one: dict[str, Any]) -> bool:
    return not one["metadata"].get("ownerReferences")
