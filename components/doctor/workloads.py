"""Multus's workloads, and the nodes that they are to serve."""

from __future__ import annotations

from collections.abc import Iterator

from ..args import MultusArgs
from ..chart.versions import HOLD, NAMESPACE
from ..cluster_tasks.attachments import Live
from ..cluster_tasks.readiness import is_ready
from ..rules.live_cluster import MULTUS
from .diagnosis import Diagnosis
from .releases import REPAIR
from .seen import Seen


def workloads(seen: Seen) -> Iterator[Diagnosis]:
    """What is not ready, and why."""
    for name, (why, *lines) in seen.not_ready.items():
        command = f"kubectl describe {name} --namespace {NAMESPACE}"
        if why == "does not exist":
            command = REPAIR
        yield Diagnosis("workload", name, f"is not ready: {why}", command, details=(*lines,))


def leftovers(seen: Seen) -> Iterator[Diagnosis]:
    """What holds Multus's configuration while `up` runs, and is to go with it."""
    owners = [own for pod in seen.pods.values() for own in _owners(pod)]
    if any(one["kind"] == "DaemonSet" and one["name"] == HOLD for one in owners):
        message = "is of an up that runs now, or was killed: its node lets pods wait for Multus"
        command = f"kubectl delete daemonset {HOLD} --namespace {NAMESPACE}"
        yield Diagnosis("leftover", HOLD, message, command)


def nodes(seen: Seen, args: MultusArgs) -> Iterator[Diagnosis]:
    """Nodes on which pods get no networks now."""
    has = {pod["spec"].get("nodeName") for pod in seen.pods.values() if _serves(pod)}
    wanted = {"kubernetes.io/os": "linux", **args.node_selector}
    for node in seen.items("nodes") if "pods" not in seen.forbidden else ():
        name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
        if name not in has and wanted.items() <= labels.items():
            command = f"kubectl get pods --all-namespaces --field-selector=spec.nodeName={name}"
            message = "has no ready pod of Multus: pods that start there get no networks, or wait"
            yield Diagnosis("node", name, message, command)


def _serves(pod: Live) -> bool:
    made = any(one["kind"] == "DaemonSet" and MULTUS.search(one["name"]) for one in _owners(pod))
    return made and is_ready(pod)


def _owners(pod: Live) -> list[Live]:
    return list(pod["metadata"].get("ownerReferences") or ())
