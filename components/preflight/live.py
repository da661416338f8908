"""The live cluster as preflight sees it: what is read, what was found, and what a finding is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from components.live.handover import (
    KEEP,
    MANAGED_BY,
    NETWORKS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    WHEREABOUTS,
)

Json = Mapping[str, Any]

CRDS: Final = (NETWORKS, *WHEREABOUTS)
UNMANAGED: Final = "helmcharts.helm.cattle.io/unmanaged"
FLANNEL: Final = "flannel.alpha.coreos.com/backend-type"

_OWNER: Final = {RELEASE_NAME: True, RELEASE_NAMESPACE: True}
_NAMED: Final = {"name": True, "namespace": True}


@dataclass(frozen=True)
class Read:
    """One path of the API server, the kept fields, and what it is called in a message."""

    path: str
    keep: Mapping[str, Any]
    called: str


READS: Final[Mapping[str, Read]] = {
    "nodes": Read(
        "/api/v1/nodes",
        {
            "items": {
                "metadata": {
                    "name": True,
                    "labels": True,
                    "annotations": {FLANNEL: True},
                },
                "spec": {"unschedulable": True, "taints": True, "podCIDR": True, "podCIDRs": True},
                "status": {
                    "addresses": True,
                    "conditions": {"type": True, "status": True, "message": True},
                    "nodeInfo": {"kubeletVersion": True},
                },
            }
        },
        "nodes",
    ),
    "namespaces": Read(
        "/api/v1/namespaces",
        {"items": {"metadata": {"name": True, "deletionTimestamp": True}}},
        "namespaces",
    ),
    "service": Read(
        "/api/v1/namespaces/default/services/kubernetes",
        {"spec": {"clusterIP": True, "clusterIPs": True}},
        "the Service default/kubernetes",
    ),
    "daemonsets": Read(
        "/apis/apps/v1/daemonsets",
        {
            "items": {
                "metadata": {**_NAMED, "annotations": _OWNER},
                "spec": {"template": {"spec": {"containers": {"image": True}}}},
            }
        },
        "DaemonSets",
    ),
    "cilium": Read(
        "/api/v1/namespaces/kube-system/configmaps/cilium-config",
        {"data": {"cni-exclusive": True}},
        "the ConfigMap kube-system/cilium-config",
    ),
    "helmcharts": Read(
        "/apis/helm.cattle.io/v1/helmcharts",
        {
            "items": {
                "metadata": {**_NAMED, "annotations": {UNMANAGED: True}},
                "spec": {"chart": True, "targetNamespace": True},
            }
        },
        "HelmCharts",
    ),
    **{
        name: Read(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}",
            {
                "metadata": {
                    "name": True,
                    "deletionTimestamp": True,
                    "annotations": {**_OWNER, KEEP: True},
                    "labels": {MANAGED_BY: True},
                }
            },
            "the CRDs of networks and of Whereabouts",
        )
        for name in CRDS
    },
}


@dataclass(frozen=True)
class Live:
    """What was found by name of the read, None where it does not exist."""

    found: Mapping[str, Any]
    forbidden: frozenset[str] = field(default_factory=frozenset)

    def items(self, name: str) -> list[Json]:
        """The objects of a list; none where their kind does not exist."""
        listed = self.found.get(name) or {}
        return list(listed.get("items") or ())

    @property
    def nodes(self) -> list[Json]:
        """Those that can run Multus: it has no build for Windows."""
        return [
            node
            for node in self.items("nodes")
            if labels(node).get("kubernetes.io/os", "linux") == "linux"
        ]


Severity = Literal["refuse", "warn"]


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit, with its fix."""

    severity: Severity
    text: str


def refuse(text: str) -> Finding:
    return Finding("refuse", text)


def warn(text: str) -> Finding:
    return Finding("warn", text)


def name_of(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def labels(thing: Json) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}


def annotated(thing: Json) -> Mapping[str, str]:
    return thing["metadata"].get("annotations") or {}


NAMED: Final = 3


def some(names: Iterable[str]) -> str:
    """A few of the names, and how many more there are."""
    ordered = list(names)
    more = len(ordered) - NAMED
    shown = ", ".join(ordered[:NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
