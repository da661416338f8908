"""Starts pods' networks at a given concurrency and takes the time of each ADD and DEL.

A closed loop: so many callers, each with the next pod as soon as its last one is done. Network
namespaces and the pods' objects are made before and are not part of a time; one nsenter is, the
same for every arm.
"""

from __future__ import annotations

import contextlib
import json
import queue
import random
import re
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks import pods as measured
from benchmarks.arms import Arm
from benchmarks.deployment import Deployment
from benchmarks.pods import Pod
from benchmarks.results import Batch
from testbed.node.cni import CniError, Result
from testbed.node.node import Node
from testbed.node.pod import STATUS

PATIENCE: Final = 120.0  # seconds in which a pod is tried to be started
PAUSE: Final = 1.0  # seconds to the next try, at least; at most twice that
TRIES: Final = 20  # of a DEL
REFUSALS: Final = (CniError, subprocess.TimeoutExpired)
QUIET: Final = 0.15  # share of the machine's time in use that counts as quiet
QUIET_SECONDS: Final = 5.0  # how long a batch waits at most for a quiet machine
MAKE: Final = """
for name; do
  : > "/run/netns/$name"
  unshare --net="/run/netns/$name" ip link set lo up
done
"""
REMOVE: Final = 'for name; do umount "/run/netns/$name"; rm "/run/netns/$name"; done'


class BenchmarkError(Exception):
    """What was measured did not do its work; the text is for people."""


@dataclass(frozen=True)
class Step:
    """One plugin that the runtime calls. `None` for a plugin: a program that does nothing."""

    network: Mapping[str, Any]
    plugin: Mapping[str, Any] | None
    interface: str


def steps(arm: Arm, node: Node, networks: Mapping[str, Any]) -> list[Step]:
    """What starts a pod of this arm on that node."""
    # The first is the network of every pod, Multus's; the other one the node's own.
    multus, default = (
        json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(node.space.path(node.layout.conf_dir).glob("*.conflist"))
    )
    own = [Step(default, plugin, "eth0") for plugin in default["plugins"]]
    match arm.steps:
        case "multus":
            return [Step(multus, plugin, "eth0") for plugin in multus["plugins"]]
        case "nothing":
            return [Step({}, None, "eth0")]
        case "default":
            return own
    assert arm.network is not None
    second = networks[arm.network]
    macvlan = Step(second, second, "net1")
    return [macvlan] if arm.steps == "macvlan" else [*own, macvlan]


@dataclass
class Attempt:
    """One pod's way to its addresses, and its end. Seconds.

    A refused ADD is followed by a DEL and tried again, as the kubelet does, until it works or the
    patience is over; the time is from the first try to the end of the one that worked.
    """

    pod: Pod
    steps: Sequence[Step]
    add_seconds: float = 0.0
    del_seconds: float = 0.0
    started: bool = False
    refused: list[str] = field(default_factory=list)

    def add(self) -> None:
        start = time.perf_counter()
        while not self.started and time.perf_counter() - start < PATIENCE:
            if self.refused:
                time.sleep(PAUSE * (1 + random.random()))  # noqa: S311  spreads the callers
            self._try_to_add()
        self.add_seconds = time.perf_counter() - start

    def _try_to_add(self) -> None:
        try:
            for step in self.steps:
                self._call("ADD", step)
        except REFUSALS as error:
            self.refused.append(short(str(error)))
            with contextlib.suppress(*REFUSALS):
                self._end()
        else:
            self.started = True

    def delete(self) -> None:
        """With a refused one tried again too, outside of the time that counts."""
        for left in reversed(range(TRIES)):
            start = time.perf_counter()
            try:
                self._end()
            except REFUSALS as error:
                if left == 0:
                    raise BenchmarkError(f"DEL of {self.pod.name}: {error}") from error
                time.sleep(PAUSE)
            else:
                self.del_seconds = time.perf_counter() - start
                return

    def _end(self) -> None:
        for step in reversed(self.steps):
            self._call("DEL", step)

    def _call(self, what: Any, step: Step) -> Result:
        runtime = self.pod.runtime
        if step.plugin is None:
            runtime.space.run("true")
            return {}
        attachment = replace(self.pod.attachment, interface=step.interface)
        return runtime.call(what, step.network, step.plugin, attachment)


def batch(deployment: Deployment, arm: Arm, concurrency: int, count: int) -> Batch:
    """Starts `count` pods, half on each node, and ends them again."""
    asked = f"{arm.namespace}/{arm.network}" if arm.network and arm.steps == "multus" else ""
    nodes = deployment.nodes
    cluster = deployment.cluster
    pods = [
        measured.make(cluster, node, simulated, count // len(nodes), arm.namespace, asked)
        for node, simulated in zip(nodes, deployment.simulated, strict=True)
    ]
    turns = [pod for together in zip(*pods, strict=True) for pod in together]
    plans = {node.name: steps(arm, node, deployment.networks) for node in nodes}
    attempts = [
        Attempt(pod, plans[nodes[number % len(nodes)].name]) for number, pod in enumerate(turns)
    ]
    for node, made in zip(nodes, pods, strict=True):
        measured.sandboxes(node, MAKE, made)
    cluster.wait_for(lambda: _all_run(deployment, count), "the pods' objects to settle")
    busy = settle()
    before = _children()
    wall = _together(concurrency, [attempt.add for attempt in attempts])
    cpu = _children() - before
    if arm.counted:
        _check(deployment, attempts)
    _together(concurrency, [attempt.delete for attempt in attempts])
    for node, made in zip(nodes, pods, strict=True):
        measured.sandboxes(node, REMOVE, made)
    measured.remove(cluster)
    done = [attempt for attempt in attempts if attempt.started]
    return Batch(
        arm=arm.name,
        concurrency=concurrency,
        adds=tuple(attempt.add_seconds for attempt in done),
        failed=len(attempts) - len(done),
        refused=tuple(error for attempt in attempts for error in attempt.refused),
        wall=wall,
        cpu=cpu,
        dels=tuple(attempt.del_seconds for attempt in done),
        busy_before=busy,
    )


def _together(concurrency: int, tasks: Sequence[Callable[[], None]]) -> float:
    """Runs the tasks with so many callers; seconds from the first start to the last end.

    Callers are daemon threads: after ctrl-C nobody waits for a plugin, whose node goes anyway.
    """
    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    errors: list[BaseException] = []
    go = threading.Event()

    def work() -> None:
        go.wait()
        try:
            while True:
                waiting.get_nowait()()
        except queue.Empty:
            pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    go.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - start


def _all_run(deployment: Deployment, count: int) -> bool:
    """Whether all are Running: until then the API server is busy with them."""
    found = measured.found(deployment.cluster)
    return [pod["status"].get("phase") for pod in found].count("Running") == count


def _check(deployment: Deployment, attempts: Sequence[Attempt]) -> None:
    """Every pod that was started has an address of its own in its second network."""
    found = measured.found(deployment.cluster)
    held: dict[str, str] = {}
    for pod in found:
        notes = pod["metadata"].get("annotations", {})
        for status in json.loads(notes.get(STATUS, "[]")):
            if status.get("interface") == "net1":
                held[pod["metadata"]["name"]] = status["ips"][0]
    started = {attempt.pod.name for attempt in attempts if attempt.started}
    if lost := started - held.keys():
        raise BenchmarkError(f"pods that were started and have no address: {sorted(lost)[:3]}")
    if len({held[name] for name in started}) != len(started):
        raise BenchmarkError("two pods have one address")


def short(error: str) -> str:
    """What went wrong, without names of pods and without a plugin's stack: comparable, one line.

    Multus puts what a delegate printed into one line of its own, with the line ends escaped.
    """
    lines = error.replace("\\n", "\n").strip().splitlines()
    panics = [line for line in lines if line.startswith("panic:")]
    text = (panics or lines or ["no message"])[0]
    return re.sub(r"pod-[0-9a-f]{10}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}", "…", text)[-200:]


def _children() -> float:
    """Processor seconds of all programs that were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def settle() -> float:
    """Waits for the machine to be quiet, for a while; the share of its time that was in use."""
    stop = time.monotonic() + QUIET_SECONDS
    while True:
        busy = _busy(0.5)
        if busy < QUIET or time.monotonic() > stop:
            return round(busy, 3)


def _busy(seconds: float) -> float:
    first = _ticks()
    time.sleep(seconds)
    last = _ticks()
    total = sum(last) - sum(first)
    idle = (last[3] + last[4]) - (first[3] + first[4])
    return 1 - idle / total if total else 0.0


def _ticks() -> list[int]:
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    return [int(field) for field in line.split()[1:9]]
