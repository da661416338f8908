"""What rules of the live cluster look at: the objects that are read, by a name for each read.

`cluster_tasks/survey.py` reads them. docs/preflight-clusterrole.yaml allows just these reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from ..cluster_tasks.attachments import STATUS
from ..cluster_tasks.crd_handover import (
    KEEP,
    NETWORKS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    WHEREABOUTS,
)
from ..cluster_tasks.kubectl import one_line

Json = Mapping[str, Any]

CRDS: Final = (NETWORKS, *WHEREABOUTS)
UNMANAGED: Final = "helmcharts.helm.cattle.io/unmanaged"
FLANNEL: Final = "flannel.alpha.coreos.com/backend-type"
ARGUMENTS: Final = "k3s.io/node-args"  # a JSON list, of each start anew; K3s takes secrets out

APPLIERS: Final = {
    "argocd.argoproj.io/tracking-id": "Argo CD's application",
    "kustomize.toolkit.fluxcd.io/name": "Flux's Kustomization",
    "helm.toolkit.fluxcd.io/name": "Flux's HelmRelease",
}
"""Labels and annotations by which others mark what they apply again and again."""


class Read(NamedTuple):
    """One read: how messages call it, its path at the API server, and the fields to keep.

    Those are True, or what is kept of the mapping, or of each entry of the list, that stands there.
    """

    called: str
    path: str
    keep: Json


_ANNOTATIONS: Final = (
    *(RELEASE_NAME, RELEASE_NAMESPACE, KEEP, UNMANAGED, FLANNEL, ARGUMENTS),
    "argocd.argoproj.io/tracking-id",
)
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
_MANAGERS: Final = {"managedFields": [{"manager": True}]}
_POD: Final = {"name": True, "namespace": True, "annotations": {STATUS: True}}
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
    "ciliumnodes": Read(
        "CiliumNodes",
        "/apis/cilium.io/v2/ciliumnodes",
        _items(spec={"ipam": {"podCIDRs": True}}),
    ),
    "calicopools": Read(
        "Calico's IPPools", "/apis/crd.projectcalico.org/v1/ippools", _items(spec={"cidr": True})
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
    "definitions": Read(
        "NetworkAttachmentDefinitions",
        "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions",
        {"items": [{"metadata": {**_METADATA, **_MANAGERS}, "spec": {"config": True}}]},
    ),
    "pods": Read(
        "pods",
        "/api/v1/pods?fieldSelector=status.phase%3DRunning",
        {"items": [{"metadata": _POD, "spec": {"nodeName": True}, "status": {"podIPs": True}}]},
    ),
}
LATER: Final = frozenset({"pods", "ciliumnodes", "calicopools"})
"""Reads that are made where what is found without them asks for it."""


@dataclass(frozen=True)
class Live:
    """What was found by the name of the read, None where it does not exist."""

    found: Mapping[str, Any]
    forbidden: frozenset[str] = frozenset()
    """Reads that the kubeconfig's user may not make."""
    own_release: bool = field(default=False, kw_only=True)
    """Whether the stack's state has Multus's release."""
    own: frozenset[str] | None = field(default=None, kw_only=True)
    """`namespace/name` of the networks in the stack's state; None where it was not looked at."""

    def items(self, name: str) -> list[Json]:
        """The objects of a list; none where their kind does not exist."""
        return list((self.found.get(name) or {"items": ()})["items"])

    def with_more(self, other: Live) -> Live:
        """With what was read later."""
        found = {**self.found, **other.found}
        return replace(self, found=found, forbidden=self.forbidden | other.forbidden)

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


def applied_by(thing: Json) -> str | None:
    """Who applies the object again and again."""
    marks = {**labels(thing), **(thing["metadata"].get("annotations") or {})}
    # Argo CD writes APPLICATION:GROUP/KIND:NAMESPACE/NAME (util/argo/resource_tracking.go).
    found = ((who, str(marks[mark])) for mark, who in APPLIERS.items() if mark in marks)
    return next((one_line(f"{who} {name.partition(':')[0]}") for who, name in found), None)


def made_by(thing: Json) -> str | None:
    """Who would make the object again, or delete it: its owner, a Helm release, or who applies."""
    for one in thing["metadata"].get("ownerReferences") or ():
        return f"{one['kind']} {one['name']}"
    release = (thing["metadata"].get("annotations") or {}).get(RELEASE_NAME)
    return f"the Helm release {release}" if release else applied_by(thing)
