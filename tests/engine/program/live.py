"""What is live in the cluster, read with kubectl and not through Pulumi."""

from __future__ import annotations

import json
from typing import Any

from testbed.cluster import Cluster

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
