"""What rules of the live cluster are, and what they look at: the objects that are read.

`cluster_tasks/survey.py` reads them. docs/preflight-clusterrole.yaml allows just these reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
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
    """One read: how messages call it, its path at the API server, and the fields to keep."""

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
    return {"items": {"metadata": _METADATA, **fields}}


_NODE_STATUS: Final = {
    **dict.fromkeys(("addresses", "conditions", "allocatable"), True),
    "nodeInfo": {"kubeletVersion": True},
}
_IMAGES: Final = {"template": {"spec": {"containers": {"image": True}}}}
READS: Final[Mapping[str, Read]] = {
    "nodes": Read("nodes", "/api/v1/nodes", _items(spec=True, status=_NODE_STATUS)),
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
        """The objects of a list; none where their kind does not exist.

        Each has a spec and a status: who may write objects may leave both out.
        """
        whole: dict[str, Any] = {"metadata": {}, "spec": {}, "status": {}}
        found = (self.found.get(name) or {}).get("items") or ()
        return [whole | {key: part for key, part in one.items() if part} for one in found if one]

    @property
    def nodes(self) -> list[Json]:
        """The nodes that can run Multus: there is no build for Windows."""
        nodes = self.items("nodes")
        return [one for one in nodes if labels(one).get("kubernetes.io/os", "linux") == "linux"]


def arguments(node: Json) -> list[tuple[str, str]]:
    """K3s's options on a node, each with its value; none where the node does not tell.

    K3s writes what stands in its config file among them, and `--name=value` as two
    (`getNodeArgs` in pkg/nodeconfig); Go's flags have one dash or two. The command is first.
    """
    found: list[tuple[str, str]] = []
    with suppress(ValueError, TypeError):  # no JSON, or no list
        words = iter([*map(str, json.loads(notes(node).get(ARGUMENTS, "[]"))), ""])
        word = next(words)
        while word:
            name, _, value = word.lstrip("-").partition("=")
            after = next(words, "")
            if word.startswith("-") and "=" not in word and not after.startswith("-"):
                value, after = after, next(words, "")
            found.append((name, value))
            word = after
    return found


def name_of(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def labels(thing: Json) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}


def notes(thing: Json) -> Mapping[str, str]:
    return thing["metadata"].get("annotations") or {}
