"""Readiness: wait until everything that the releases run is ready on every node.

Helm's own wait counts a DaemonSet as ready when all but maxUnavailable pods are: on a one-node
cluster, and with this chart, zero ready pods are enough (helm pkg/kube/ready.go). It also says
nothing of why. This wait asks for every pod of the newest generation, on at least one node, and
names workload, node, container, state and last log line of what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components.live.kubectl import Kubectl, TaskError, main

Live = dict[str, Any]  # an object as kubectl prints it

POLL_SECONDS = 2
MOST_PODS = 5


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
        none = "no node is to run it: there is none, or the node selector fits none"
    else:
        wanted = workload["spec"].get("replicas", 1)
        updated = status.get("updatedReplicas", 0)
        ready = status.get("readyReplicas", 0)
        none = "it is scaled to zero"
    if wanted < 1:
        return none
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new version"
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    return None


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
    for one in status.get("initContainerStatuses", []):
        done = one.get("state", {}).get("terminated", {}).get("exitCode") == 0
        if not done:
            return container_state(one)
    for one in status.get("containerStatuses", []):
        if not one.get("ready"):
            return container_state(one)
    for condition in status.get("conditions", []):
        if condition["status"] != "True" and condition.get("message"):
            return None, condition["message"], False
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
            text += f" ({message})"
        return one["name"], text, bool(last)
    if "terminated" in state:
        return one["name"], ended(state["terminated"]), False
    return one["name"], "runs, but is not ready" if "running" in state else "unknown", False


def ended(terminated: Live) -> str:
    return f"it ended with exit code {terminated.get('exitCode')} ({terminated.get('reason')})"


def last_log_line(
    kubectl: Kubectl, namespace: str, pod: str, container: str, *, previous: bool
) -> str:
    arguments = ["logs", f"--namespace={namespace}", pod, f"--container={container}", "--tail=1"]
    try:
        text = kubectl.run(*arguments, *(["--previous"] if previous else []))
    except TaskError:
        return ""
    return text.strip()


def report(
    kubectl: Kubectl, namespace: str, name: str, reason: str, workloads: Sequence[Live]
) -> list[str]:
    """The reason, and a line for each pod that is not ready."""
    lines = [f"{name}: {reason}"]
    kind, _, short = name.partition("/")
    workload = next(
        (one for one in workloads if one["kind"] == kind and one["metadata"]["name"] == short), None
    )
    if workload is None:
        return lines
    where = f"--namespace={namespace}"
    try:
        pods = kubectl.json("get", "pods", where)["items"]
        replica_sets = kubectl.json("get", "replicasets", where)["items"]
    except TaskError as failure:
        return [*lines, f"  its pods cannot be read: {failure}"]
    stuck = [pod for pod in owned(pods, workload, replica_sets) if not is_ready(pod)]
    for pod in sorted(stuck, key=lambda pod: pod["spec"].get("nodeName", ""))[:MOST_PODS]:
        container, state, previous = state_of(pod)
        line = f"  node {pod['spec'].get('nodeName', 'not chosen yet')}"
        line += f", container {container}: {state}" if container else f": {state}"
        if container:
            log = last_log_line(
                kubectl, namespace, pod["metadata"]["name"], container, previous=previous
            )
            line += f"; last log line: {log}" if log else ""
        lines.append(line)
    if len(stuck) > MOST_PODS:
        lines.append(f"  and {len(stuck) - MOST_PODS} more pods")
    return lines


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
            lines = [f"Multus is not ready after {timeout} s:"]
            for name, reason in found.items():
                lines += report(kubectl, namespace, name, reason, workloads)
            raise TaskError("\n".join(lines))
        if found != said:
            print("; ".join(f"{name}: {reason}" for name, reason in found.items()), flush=True)
            said = found
        sleep(min(POLL_SECONDS, max(0.0, deadline - clock())))


if __name__ == "__main__":
    main(wait)
