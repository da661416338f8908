"""Pods of which only the networks are started, by the benchmark itself, on a real node.

Each has an object in the API server, which Multus reads. A simulated node is given it, so that no
kubelet starts it; its network namespace is on the real node.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from testbed import objects
from testbed.cluster import Cluster
from testbed.node.cni import Attachment, Runtime
from testbed.node.node import Node
from testbed.node.pod import NETWORKS

LABEL: Final = "multus-testbed/measured"


@dataclass(frozen=True)
class Pod:
    """One of them, as a container runtime knows it."""

    name: str
    runtime: Runtime
    attachment: Attachment


def make(
    cluster: Cluster, node: Node, simulated: str, count: int, namespace: str, networks: str
) -> list[Pod]:
    """So many on a node; none has a network yet."""
    objects = [_object(simulated, namespace, networks) for _ in range(count)]
    return [_pod(node, made["metadata"]) for made in cluster.create(*objects)]


def found(cluster: Cluster) -> list[dict[str, Any]]:
    """Their objects."""
    return cluster.items("pods", "-A", f"--selector={LABEL}")


def remove(cluster: Cluster) -> None:
    """Takes away the objects of all."""
    chosen = ("-A", f"--selector={LABEL}", "--ignore-not-found")
    cluster.kubectl("delete", "pods", *chosen, "--force", "--grace-period=0")


def sandboxes(node: Node, script: str, pods: Sequence[Pod]) -> None:
    """Runs a shell script on the node with the names of the pods' network namespaces."""
    names = [pod.attachment.netns.rpartition("/")[2] for pod in pods]
    node.space.check("sh", "-euc", script, "sh", *names)


def _pod(node: Node, meta: dict[str, Any]) -> Pod:
    container = meta["uid"].replace("-", "") * 2
    attachment = Attachment(
        container=container,
        netns=f"/var/run/netns/cni-{meta['uid']}",
        arguments=(
            f"IgnoreUnknown=1;K8S_POD_NAMESPACE={meta['namespace']};K8S_POD_NAME={meta['name']};"
            f"K8S_POD_INFRA_CONTAINER_ID={container};K8S_POD_UID={meta['uid']}"
        ),
    )
    return Pod(meta["name"], Runtime(node.space, node.layout.bin_dir), attachment)


def _object(node: str, namespace: str, networks: str) -> dict[str, Any]:
    return objects.pod(
        f"pod-{uuid.uuid4().hex[:10]}",
        namespace,
        {**objects.ONE, "nodeName": node, "terminationGracePeriodSeconds": 0},
        labels={LABEL: "true"},
        annotations={NETWORKS: networks} if networks else {},
    )
