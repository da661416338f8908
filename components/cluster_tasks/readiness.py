"""Waits until every pod of the releases' workloads is ready, on at least one node.

Helm's own wait counts a DaemonSet as ready when all but maxUnavailable pods are: on a cluster of
one node, with this chart, zero ready pods are enough (helm pkg/kube/ready.go). It also gives no
reason. This wait names workload, node, container, state, last log line and last warning event of
what is missing. Before a pod's containers exist (FailedCreatePodSandBox, FailedMount), or where no
pod can be made (FailedCreate), the event alone knows why.

A container that ends at once is ready for a moment, and Multus without a default network is such a
one. So it is ready when a second later the same containers run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .helm_records import KNOWN
from .kubectl import Kubectl, TaskError, main, one_line

Live = dict[str, Any]  # an object as kubectl prints it
Clock = Callable[[], float]

FIRST_POLL_SECONDS = 0.25  # pods whose images are there are ready in a second
POLL_SECONDS = 1
MOST_PODS = 5
REPORT_SECONDS = 60  # then no more logs are asked for, from nodes that may not answer
NO_NODE = (
    "no node is to run it: there is none, the node selector fits none, or their taints keep it off"
)


def unready(workload: Live) -> str:
    """Why a DaemonSet or Deployment is not ready; empty if it is."""
    if workload["metadata"].get("deletionTimestamp"):
        return "it is being deleted"
    status = workload.get("status", {})
    generation = workload["metadata"].get("generation", 0)
    if status.get("observedGeneration", 0) < generation:
        return f"its controller has not seen generation {generation} yet"
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberReady", 0)
        none, old = NO_NODE, 0
    else:
        wanted = workload["spec"].get("replicas", 1)
        updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
        # As long as an old pod exists it may be the ready one.
        none, old = "it is scaled to zero", status.get("replicas", updated) - updated
    if wanted < 1:
        return none
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new version{halted(workload)}"
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    return f"{old} of {old + updated} pods are still of the old version" if old > 0 else ""


def halted(workload: Live) -> str:
    """What to do where no controller rolls out the new version by itself."""
    if workload["spec"].get("paused"):
        name, space = workload["metadata"]["name"], workload["metadata"]["namespace"]
        resume = f"kubectl rollout resume deployment/{name} --namespace {space}"
        return f", and its rollout is paused: {resume}"
    if workload["spec"].get("updateStrategy", {}).get("type") == "OnDelete":
        return ", and its update strategy is OnDelete: delete the old pods"
    return ""


def owned(kind: str, objects: list[Live], owners: set[str]) -> list[Live]:
    """By owner and not by label: two workloads of the chart have the same labels."""
    return [
        one
        for one in objects
        if one["kind"] == kind
        and owners & {owner["uid"] for owner in one["metadata"].get("ownerReferences", [])}
    ]


def state_of(pod: Live) -> tuple[str, str, bool]:
    """Container (may be empty) and state that keep a pod from being ready; whether it restarted."""
    status = pod.get("status", {})
    if since := pod["metadata"].get("deletionTimestamp"):
        return "", f"is being deleted, to be gone by {since}", False
    for one in status.get("initContainerStatuses", []):
        done = one.get("state", {}).get("terminated", {}).get("exitCode") == 0
        if not done and not one.get("ready"):  # a sidecar goes on running and is ready
            return container_state(one)
    for one in status.get("containerStatuses", []):
        if not one.get("ready"):
            return container_state(one)
    for condition in status.get("conditions", []):
        if condition["status"] != "True" and condition.get("message"):
            return "", one_line(condition["message"]), False
    return "", f"phase {status.get('phase', 'unknown')}", False


def container_state(one: Live) -> tuple[str, str, bool]:
    state = one.get("state", {})
    last = one.get("lastState", {}).get("terminated")
    text = "runs, but is not ready" if "running" in state else "unknown"
    if "terminated" in state:
        text, last = ended(state["terminated"]), None
    elif "waiting" in state:
        message = state["waiting"].get("message")
        why = f", {ended(last)}" if last else f" ({one_line(message)})" if message else ""
        text = state["waiting"].get("reason", "waiting") + why
    return one["name"], text, "waiting" in state and bool(last)


def ended(terminated: Live) -> str:
    return f"it ended with exit code {terminated.get('exitCode')} ({terminated.get('reason')})"


def last_log_line(kubectl: Kubectl, where: str, pod: str, container: str, *, previous: bool) -> str:
    # Several lines, because a panic ends with empty ones; bounded, because a line may be megabytes.
    arguments = ["logs", where, pod, f"--container={container}", "--tail=10", "--limit-bytes=65536"]
    try:
        text = kubectl.run(*arguments, *(["--previous"] if previous else []))
    except TaskError:
        return ""
    line = next((line for line in map(one_line, reversed(text.splitlines())) if line), "")
    return f"; last log line: {line}" if line else ""


def last_warnings(kubectl: Kubectl, where: str) -> dict[str, str]:
    """The last warning event by the uid of its object; none where events may not be read."""
    try:
        events = kubectl.json("get", "events", where, "--field-selector=type=Warning")["items"]
    except TaskError:
        return {}
    events.sort(key=happened)
    return {
        one["involvedObject"].get("uid", ""): "; last warning: "
        + one_line(f"{one.get('reason', 'Warning')}: {one.get('message', '')}")
        for one in events
    }


def happened(event: Mapping[str, Any]) -> str:
    """When it was seen last; which field says so depends on the client that wrote it."""
    times = (event.get("series") or {}).get("lastObservedTime"), event.get("lastTimestamp")
    return max(one or "" for one in (*times, event.get("eventTime")))


def report(
    kubectl: Kubectl, where: str, found: dict[str, str], live: dict[str, Live], clock: Clock
) -> Iterator[str]:
    """Each problem, and a line for each pod that is not ready. Logs only while there is time."""
    until = clock() + REPORT_SECONDS
    objects: list[Live] = []
    warnings: dict[str, str] = {}
    unread = []
    if live.keys() & found.keys():
        try:
            objects = kubectl.json("get", "pods,replicasets", where)["items"]
            warnings = last_warnings(kubectl, where)
        except TaskError as failure:
            unread = [f"their pods cannot be read: {failure}"]
    for name, problem in found.items():
        owners = {live[name]["metadata"]["uid"]} if name in live else set()
        owners |= {one["metadata"]["uid"] for one in owned("ReplicaSet", objects, owners)}
        yield f"{name}: {problem}" + next((warnings[one] for one in owners & {*warnings}), "")
        stuck = [one for one in owned("Pod", objects, owners) if not is_ready(one)]
        stuck.sort(key=lambda pod: pod["spec"].get("nodeName", ""))
        for pod in stuck[:MOST_PODS]:
            container, state, previous = state_of(pod)
            line = f"  node {pod['spec'].get('nodeName', 'not chosen yet')}"
            line += f", container {container}: {state}" if container else f": {state}"
            if container and clock() < until:
                pod_name = pod["metadata"]["name"]
                line += last_log_line(kubectl, where, pod_name, container, previous=previous)
            yield line + warnings.get(pod["metadata"].get("uid", ""), "")
        if len(stuck) > MOST_PODS:
            yield f"  and {len(stuck) - MOST_PODS} more pods"
    yield from unread


def is_ready(pod: Live) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return ("Ready", "True") in [(one["type"], one["status"]) for one in conditions]


def states(
    kubectl: Kubectl, where: str, expected: Sequence[str]
) -> tuple[dict[str, Live], dict[str, str]]:
    """The workloads by `Kind/name`, and why each of the expected ones is not ready."""
    items = kubectl.json("get", "daemonsets,deployments", where)["items"]
    live = {f"{one['kind']}/{one['metadata']['name']}": one for one in items}
    problems = {n: unready(live[n]) if n in live else "does not exist" for n in expected}
    return live, {name: problem for name, problem in problems.items() if problem}


def containers(kubectl: Kubectl, where: str) -> list[str]:
    """The ids of all containers; one that is started anew has another."""
    ids = "jsonpath={.items[*].status.containerStatuses[*].containerID}"
    return sorted(kubectl.run("get", "pods", where, f"--output={ids}").split())


def wait(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Clock = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    where = f"--namespace={environment['MULTUS_NAMESPACE']}"
    expected = environment["MULTUS_WORKLOADS"].split(",")
    timeout = int(environment["MULTUS_TIMEOUT"])
    deadline = clock() + timeout
    said: dict[str, str] = {}
    pause: float = FIRST_POLL_SECONDS
    ran: list[str] | None = None  # at the look before, if all was ready then
    while True:
        live: dict[str, Live] = {}
        runs = None
        try:
            live, found = states(kubectl, where, expected)
            runs = None if found else containers(kubectl, where)
        except TaskError as failure:  # an API server that does not answer may come back
            found = {"the cluster": str(failure)}
        if runs is not None:
            if runs == ran:
                return "ready: " + ", ".join(expected)
            if ran is not None:
                found = {"all pods": "ready, but some containers end and start again"}
        ran = runs
        if found and clock() >= deadline:
            lines = report(kubectl, where, found, live, clock)
            raise TaskError("\n".join([f"Multus is not ready after {timeout} s:", *lines]))
        if found and found != said:
            print("; ".join(f"{name}: {problem}" for name, problem in found.items()), flush=True)
            said = found
        sleep(POLL_SECONDS if ran is not None else min(pause, max(0.0, deadline - clock())))
        pause = min(2 * pause, POLL_SECONDS)


def wait_and_let_go(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    """Wait; then, whatever came of it, let Multus's configuration go, which hold.py holds.

    This runs after the releases are in the stack's state, which a label says of their first
    records: an install that ended without the engine has none.
    """
    try:
        if releases := environment.get("MULTUS_RELEASES"):
            select = f"--selector=owner=helm,version=1,name in ({releases})"
            space = f"--namespace={environment['MULTUS_NAMESPACE']}"
            kubectl.run("label", "secrets", space, select, f"{KNOWN}=yes", "--overwrite")
    except TaskError:
        pass  # `up` then asks the state
    try:
        return wait(kubectl, environment)
    finally:
        if name := environment.get("MULTUS_HOLD"):
            where = f"--namespace={environment['MULTUS_NAMESPACE']}"
            kubectl.run("delete", "daemonset", name, where, "--ignore-not-found", "--wait=false")


if __name__ == "__main__":
    main(wait_and_let_go)
