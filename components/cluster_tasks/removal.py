"""Waits, when the releases are gone, until their pods are gone too, and says what is left.

With a pod of Multus its configuration goes from the node. As long as it is there no pod can start
on the node, because what it calls has no rights any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .kubectl import Kubectl, TaskError, one_line

Live = dict[str, Any]

POLL_SECONDS = 1
MOST_NAMES = 5
# What Multus and Whereabouts write into the directory of CNI configurations.
FILES = ("00-multus.conf", "00-multus.conflist", "multus.d", "whereabouts.d")
OURS = ("network-attachment-definitions.k8s.cni.cncf.io", "ippools.whereabouts.cni.cncf.io")


def removed(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> str:
    """What is left, a line for each; raises TaskError for pods that do not go."""
    try:
        nodes = kubectl.json("get", "nodes")["items"]
        down = [one["metadata"]["name"] for one in nodes if away(one)]
        until = clock() + int(environment["MULTUS_TIMEOUT"])
        left = pods(kubectl, environment, down)
        while left and clock() < until:
            sleep(POLL_SECONDS)
            left = pods(kubectl, environment, down)
        lines = ["Multus's pods are gone", *kept(kubectl), *of_nodes(down, environment)]
    except TaskError as failure:  # a cluster that is gone has nothing to wait for
        return f"nobody looked for what is left: {failure}"
    if left:
        raise TaskError(staying(left))
    return "\n".join(lines)


def staying(left: list[Live]) -> str:
    """What is said of pods that do not go."""
    meta = left[0]["metadata"]
    return (
        "the releases are gone, and their pods are not: "
        f"{listed([f'{name_of(one)} on {node_of(one)}' for one in left])}. Until they are, no pod "
        f"can start on their nodes. See kubectl describe pod {one_line(meta['name'])} --namespace "
        f"{meta['namespace']}, and run pulumi destroy again"
    )


def pods(kubectl: Kubectl, environment: Mapping[str, str], down: list[str]) -> list[Live]:
    """The releases' pods on nodes that are up, by their owners: the workloads are gone."""
    workloads = {tuple(one.split("/")) for one in environment["MULTUS_WORKLOADS"].split(",")}
    found = kubectl.json("get", "pods", f"--namespace={environment['MULTUS_NAMESPACE']}")["items"]
    return [
        pod
        for pod in found
        if node_of(pod) not in down and workloads & {*map(workload, owners(pod))}
    ]


def owners(pod: Live) -> list[Live]:
    return pod["metadata"].get("ownerReferences") or []


def workload(owner: Live) -> tuple[str, str]:
    """Kind and name; of a ReplicaSet those of its Deployment."""
    if owner["kind"] == "ReplicaSet":
        return "Deployment", owner["name"].rpartition("-")[0]
    return owner["kind"], owner["name"]


def kept(kubectl: Kubectl) -> list[str]:
    """Networks and pools that the stack did not make, with the CRDs that keep them."""
    lines = []
    for crd in OURS:
        if kubectl.optional("get", "crd", crd) is None:
            continue
        found = kubectl.json("get", crd, "--all-namespaces")["items"]
        what, names = crd.partition(".")[0], [name_of(one) for one in found]
        left, gone = f"CRD {crd}", "it"
        if names:
            left = f"{len(names)} {what} that it does not own ({listed(names)}), and {left}"
            gone = "both"
        lines.append(f"left: {left}. kubectl delete crd {crd} removes {gone}")
    return lines


def of_nodes(down: list[str], environment: Mapping[str, str]) -> list[str]:
    folder = environment["MULTUS_CONF_DIR"]
    files = " ".join(f"{folder}/{name}" for name in FILES)
    return [
        f"node {one_line(name)} is not ready. Before it takes pods again run on it: rm -rf {files}"
        for name in down
    ]


def away(node: Live) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return not any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def node_of(pod: Live) -> str:
    return str(pod["spec"].get("nodeName", ""))


def name_of(thing: Live) -> str:
    return one_line("{namespace}/{name}".format_map(thing["metadata"]))


def listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
