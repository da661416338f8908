"""What rules of the live cluster are, and what they look at: the objects that are read.

`cluster_tasks/survey.py` reads them. docs/preflight-clusterrole.yaml allows just these reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..cluster_tasks.crd_handover import (
    KEEP,
    NETWORKS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    WHEREABOUTS,
)

Json = Mapping[str, Any]

CRDS: Final = (NETWORKS, *WHEREABOUTS)
UNMANAGED: Final = "helmcharts.helm.cattle.io/unmanaged"
FLANNEL: Final = "flannel.alpha.coreos.com/backend-type"
ARGUMENTS: Final = "k3s.io/node-args"  # a JSON list, of each start anew; K3s takes secrets out


class Read(NamedTuple):
    """One read: how messages call it, its path at the API server, and the fields to keep.

    Those are True, or what is kept of the mapping, or of each entry of the list, that stands there.
    """

    called: str
    path: str
    keep: Json


_ANNOTATIONS: Final = (RELEASE_NAME, RELEASE_NAMESPACE, KEEP, UNMANAGED, FLANNEL, ARGUMENTS)
_METADATA: Final = {
    **dict.fromkeys(("name", "namespace", "labels", "deletionTimestamp"), True),
    "annotations": dict.fromkeys(_ANNOTATIONS, True),
}
_CRD_API: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def _items(**fields: Any) -> Json:
    return {"items": [{"metadata": _METADATA, **fields}]}


_NODE_SPEC: Final = {
    **dict.fromkeys(("podCIDRs", "unschedulable"), True),
    "taints": [dict.fromkeys(("key", "effect"), True)],
}
_NODE_STATUS: Final = {
    "addresses": [{"address": True}],
    "conditions": [dict.fromkeys(("type", "status", "message"), True)],
    "allocatable": True,
    "nodeInfo": {"kubeletVersion": True},
}
_IMAGES: Final = {"template": {"spec": {"containers": [{"image": True}]}}}
READS: Final[Mapping[str, Read]] = {
    "nodes": Read("nodes", "/api/v1/nodes", _items(spec=_NODE_SPEC, status=_NODE_STATUS)),
    "namespaces": Read("namespaces", "/api/v1/namespaces", _items()),
    "service": Read(
        "the Service default/kubernetes",
        "/api/v1/namespaces/default/services/kubernetes",
        {"spec": {"clusterIP": True, "clusterIPs": True}},
    ),
    "daemonsets": Read("DaemonSets", "/apis/apps/v1/daemonsets", _items(spec=_IMAGES)),
    "cilium": Read(
        "the ConfigMap kube-system/cilium-config",
        "/api/v1/namespaces/kube-system/configmaps/cilium-config",
        {"data": {"cni-exclusive": True}},
    ),
    "helmcharts": Read(
        "HelmCharts",
        "/apis/helm.cattle.io/v1/helmcharts",
        _items(spec={"chart": True, "targetNamespace": True}),
    ),
    **{
        name: Read(
            "the CRDs of Multus and Whereabouts", f"{_CRD_API}/{name}", {"metadata": _METADATA}
        )
        for name in CRDS
    },
}


@dataclass(frozen=True)
class Live:
    """What was found by the name of the read, None where it does not exist."""

    found: Mapping[str, Any]
    forbidden: frozenset[str] = frozenset()
    """Reads that the kubeconfig's user may not make."""

    def items(self, name: str) -> list[Json]:
        """The objects of a list; none where their kind does not exist."""
        return list((self.found.get(name) or {"items": ()})["items"])

    @property
    def nodes(self) -> list[Json]:
        """The nodes that can run Multus: there is no build for Windows."""
        nodes = self.items("nodes")
        return [one for one in nodes if labels(one).get("kubernetes.io/os", "linux") == "linux"]


def name_of(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def labels(thing: Json) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}


def notes(thing: Json) -> Mapping[str, str]:
    found: Mapping[str, str] = thing["metadata"]["annotations"]
    return found


def is_going(thing: Json) -> bool:
    """Whether it is being deleted: what it runs goes, and it takes nothing new."""
    return bool(thing["metadata"].get("deletionTimestamp"))
