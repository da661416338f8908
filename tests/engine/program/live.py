"""What is live in the cluster, read with kubectl and not through Pulumi; and Helm by hand."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from testbed.cluster import Cluster
from testbed.operations import Running
from testbed.processes import descendants
from testbed.tools import Tools

NETWORKS = "network-attachment-definitions.k8s.cni.cncf.io"
NETWORKS_CRD = f"crd/{NETWORKS}"


def networks(cluster: Cluster) -> dict[str, Any]:
    """CNI configurations by `namespace/name`."""
    return {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}": json.loads(
            item["spec"]["config"]
        )
        for item in cluster.items(NETWORKS, "-A")
    }


def uids(cluster: Cluster) -> dict[str, str]:
    """UIDs of the networks and of their CRD: a UID that stays is an object that was never gone."""
    found = {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}": item["metadata"]["uid"]
        for item in cluster.items(NETWORKS, "-A")
    }
    found["crd"] = cluster.kubectl_json("get", NETWORKS_CRD)["metadata"]["uid"]
    return found


def workloads(cluster: Cluster) -> set[str]:
    return {
        f"{item['kind']}/{item['metadata']['name']}"
        for item in cluster.items("daemonsets,deployments", "-n", "kube-system")
    }


def crds(cluster: Cluster) -> set[str]:
    """The CRDs that are Multus's and Whereabouts'; kwok has some of its own."""
    return {
        item["metadata"]["name"]
        for item in cluster.items("crds")
        if item["spec"]["group"].endswith("cni.cncf.io")
    }


def releases(cluster: Cluster) -> set[str]:
    """Names of the Helm releases that have a deployed revision."""
    secrets = cluster.items("secrets", "-n", "kube-system", "-l", "owner=helm,status=deployed")
    return {item["metadata"]["labels"]["name"] for item in secrets}


def helm(tools: Tools, cluster: Cluster, *arguments: str) -> None:
    command = [str(tools.path("helm")), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    subprocess.run([*command, "-n", "kube-system"], check=True, capture_output=True)


def waits(running: Running) -> bool:
    """Whether a run has come to its wait for ready pods."""
    for pid in descendants(running.process.pid):
        with suppress(OSError):  # ended since
            given = Path(f"/proc/{pid}/environ").read_bytes()
            # The hand-over of the CRDs has the one, and the schedule the other.
            if b"MULTUS_WORKLOADS=" in given and b"MULTUS_REVISION=" in given:
                return True
    return False
