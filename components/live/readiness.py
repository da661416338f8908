"""Readiness: wait until everything that the releases run is ready on every node.

Helm's own wait counts a DaemonSet as ready when all but maxUnavailable pods are: on a one-node
cluster, and with this chart, zero ready pods are enough (helm pkg/kube/ready.go). It also says
nothing of why. This wait asks for every pod of the newest generation, on at least one node, and
names workload, node, container, state and last log line of what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.live.kubectl import Kubectl, TaskError, main, one_line

Live = dict[str, Any]  # an object as kubectl prints it

POLL_SECONDS = 2
MOST_PODS = 5
REPORT_SECONDS = 60  # until no more logs are asked for, from nodes that may not answer
NO_NODE = (
    "no node is to run it: there is none, the node selector fits none, or their taints keep it off"
)


def problems(expected: Sequence[str], workloads: Sequence[Live]) -> dict[str, str]:
    """What keeps each expected `Kind/name` from being ready; empty when all are.

    `workloads` are DaemonSets and Deployments as kubectl prints them.
    """
    live = {f"{item['kind']}/{item['metadata']['name']}": item for item in workloads}
    found = {}
    for name in expected:
        if name not in live:
            found[name] = "does not exist"
        elif reason := unready(live[name]):
            found[name] = reason
    return found


def unready(workload: Live) -> str | None:
    """Why a workload is not ready, None if it is."""
    status = workload.get("status", {})
    generation = workload["metadata"].get("generation", 0)
    if status.get("observedGeneration", 0) < generation:
        return f"its controller has not seen generation {generation} yet"
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated = status.get("updatedNumberScheduled", 0)
        ready = status.get("numberReady", 0)
        none, old = NO_NODE, 0
    else:
        wanted = workload["spec"].get("replicas", 1)
        updated = status.get("updatedReplicas", 0)
        ready = status.get("readyReplicas", 0)
        # While an old pod is there it may be the one that is ready.
        none, old = "it is scaled to zero", status.get("replicas", updated) - updated
    if wanted < 1:
        return none
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new version{halted(workload)}"
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    if old > 0:
        return f"{old} of {old + updated} pods are still of the old version"
    return None


def halted(workload: Live) -> str:
    """What to do where no controller will bring the new version by itself."""
    if workload["spec"].get("paused"):
        name, space = workload["metadata"]["name"], workload["metadata"]["namespace"]
        resume = f"kubectl rollout resume deployment/{name} --namespace {space}"
        return f", and its rollout is paused: {resume}"
    if workload["spec"].get("updateStrategy", {}).get("type") == "OnDelete":
        return ", and its update strategy is OnDelete: delete the old pods"
    return ""


def is_ready(pod: Live) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def owned(pods: Sequence[Live], workload: Live, replica_sets: Sequence[Live]) -> list[Live]:
    """The workload's pods, by owner and not by label: two of the chart's share their labels."""
    owners = {workload["metadata"]["uid"]}
    owners |= {
        one["metadata"]["uid"]
        for one in replica_sets
        if any(owner["uid"] in owners for owner in one["metadata"].get("ownerReferences", []))
    }
    return [
        pod
        for pod in pods
        if any(owner["uid"] in owners for owner in pod["metadata"].get("ownerReferences", []))
    ]


def state_of(pod: Live) -> tuple[str | None, str, bool]:
    """(container, state, whether its previous run has the log) of what keeps a pod back."""
    status = pod.get("status", {})
    if since := pod.get("metadata", {}).get("deletionTimestamp"):
        return None, f"is being deleted, to be gone by {since}", False
    for one in status.get("initContainerStatuses", []):
        done = one.get("state", {}).get("terminated", {}).get("exitCode") == 0
        if not done and not one.get("ready"):  # one that goes on running is ready instead
            return container_state(one)
    for one in status.get("containerStatuses", []):
        if not one.get("ready"):
            return container_state(one)
    for condition in status.get("conditions", []):
        if condition["status"] != "True" and condition.get("message"):
            return None, one_line(condition["message"]), False
    return None, f"phase {status.get('phase', 'unknown')}", False


def container_state(one: Live) -> tuple[str, str, bool]:
    """The same for one container's status."""
    state = one.get("state", {})
    last = one.get("lastState", {}).get("terminated")
    if "waiting" in state:
        text = state["waiting"].get("reason", "waiting")
        if last:
            text += f", {ended(last)}"
        elif message := state["waiting"].get("message"):
            text += f" ({one_line(message)})"
        return one["name"], text, bool(last)
    if "terminated" in state:
        return one["name"], ended(state["terminated"]), False
    return one["name"], "runs, but is not ready" if "running" in state else "unknown", False


def ended(terminated: Live) -> str:
    return f"it ended with exit code {terminated.get('exitCode')} ({terminated.get('reason')})"


def last_log_line(
    kubectl: Kubectl, namespace: str, pod: str, container: str, *, previous: bool
) -> str:
    # Some lines, because the last one of a panic is empty; and not the megabytes of one line.
    bounds = ["--tail=10", "--limit-bytes=65536"]
    arguments = ["logs", f"--namespace={namespace}", pod, f"--container={container}", *bounds]
    try:
        text = kubectl.run(*arguments, *(["--previous"] if previous else []))
    except TaskError:
        return ""
    return next((line for line in map(one_line, reversed(text.splitlines())) if line), "")


@dataclass
class Report:
    """What is said of a failure. Asks for pods once, and for logs only while there is time."""

    kubectl: Kubectl
    namespace: str
    workloads: Sequence[Live]
    clock: Callable[[], float]

    def lines(self, found: Mapping[str, str]) -> list[str]:
        """Each reason, and a line for each pod that is not ready."""
        live = {f"{one['kind']}/{one['metadata']['name']}": one for one in self.workloads}
        until = self.clock() + REPORT_SECONDS
        where = f"--namespace={self.namespace}"
        pods: list[Live] = []
        replica_sets: list[Live] = []
        unread = []
        if live.keys() & found.keys():
            try:
                pods = self.kubectl.json("get", "pods", where)["items"]
                replica_sets = self.kubectl.json("get", "replicasets", where)["items"]
            except TaskError as failure:
                unread = [f"their pods cannot be read: {failure}"]
        lines = []
        for name, reason in found.items():
            lines.append(f"{name}: {reason}")
            if name in live:
                stuck = [one for one in owned(pods, live[name], replica_sets) if not is_ready(one)]
                stuck.sort(key=lambda pod: pod["spec"].get("nodeName", ""))
                lines += [self.of_pod(pod, until) for pod in stuck[:MOST_PODS]]
                if len(stuck) > MOST_PODS:
                    lines.append(f"  and {len(stuck) - MOST_PODS} more pods")
        return lines + unread

    def of_pod(self, pod: Live, until: float) -> str:
        container, state, previous = state_of(pod)
        line = f"  node {pod['spec'].get('nodeName', 'not chosen yet')}"
        line += f", container {container}: {state}" if container else f": {state}"
        if container and self.clock() < until:
            name = pod["metadata"]["name"]
            log = last_log_line(self.kubectl, self.namespace, name, container, previous=previous)
            line += f"; last log line: {log}" if log else ""
        return line


def look(
    kubectl: Kubectl, namespace: str, expected: Sequence[str]
) -> tuple[dict[str, str], list[Live]]:
    """The problems and the workloads. An API server that does not answer may come back."""
    try:
        workloads = kubectl.json("get", "daemonsets,deployments", f"--namespace={namespace}")
    except TaskError as failure:
        return {"the cluster": str(failure)}, []
    return problems(expected, workloads["items"]), workloads["items"]


def wait(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    namespace = environment["MULTUS_NAMESPACE"]
    expected = environment["MULTUS_WORKLOADS"].split(",")
    timeout = int(environment["MULTUS_TIMEOUT"])
    deadline = clock() + timeout
    said: dict[str, str] = {}
    while True:
        found, workloads = look(kubectl, namespace, expected)
        if not found:
            return "ready: " + ", ".join(expected)
        if clock() >= deadline:
            lines = Report(kubectl, namespace, workloads, clock).lines(found)
            raise TaskError("\n".join([f"Multus is not ready after {timeout} s:", *lines]))
        if found != said:
            print("; ".join(f"{name}: {reason}" for name, reason in found.items()), flush=True)
            said = found
        sleep(min(POLL_SECONDS, max(0.0, deadline - clock())))


if __name__ == "__main__":
    main(wait)
