"""What a simulated node looks like before kwok gives it its status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

K3S = "v1.34.2+k3s1"
NOT_READY = "multus-testbed/not-ready"  # the label that stages.yaml reads


def node(name: str, number: int, kubelet_version: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A Node as a K3s agent registers it, with the annotation that makes kwok answer for it."""
    # RFC 2544's range for tests of networks: no network here can have it.
    address = f"198.18.{number // 250}.{number % 250 + 1}"
    pods = f"10.42.{number % 256}.0/24"
    machine = {"architecture": "amd64", "operatingSystem": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "node.kubernetes.io/instance-type": "k3s",
                **labels,
            },
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                "flannel.alpha.coreos.com/backend-type": "vxlan",
            },
        },
        # As K3s's controller gives them out, of its default --cluster-cidr.
        "spec": {"podCIDR": pods, "podCIDRs": [pods]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "nodeInfo": {
                **machine,
                "kubeletVersion": kubelet_version,
                "kubeProxyVersion": kubelet_version,
                "containerRuntimeVersion": "containerd://2.1.5-k3s1",
                "kernelVersion": "6.8.0",
                "osImage": "simulated",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        },
    }
