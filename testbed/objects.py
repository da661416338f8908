"""Kubernetes objects that more than one part of the testbed and its tests makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

Json = dict[str, Any]
ONE: Final[Json] = {"containers": [{"name": "main", "image": "none"}]}
"""A pod's spec where nothing looks at the image: simulated nodes run none."""


def network(name: str, config: str, namespace: str = "default", **metadata: Any) -> Json:
    """A NetworkAttachmentDefinition; `metadata` are labels and annotations."""
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"config": config},
    }


def pod(name: str, namespace: str, spec: Mapping[str, Any] = ONE, **metadata: Any) -> Json:
    """`metadata` are labels and annotations."""
    meta = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def workload(
    kind: Literal["DaemonSet", "Deployment"],
    name: str,
    namespace: str,
    spec: Mapping[str, Any] = ONE,
    *,
    annotations: Mapping[str, str] | None = None,
    **others: Any,
) -> Json:
    """Of pods with this spec and these annotations; their label is `app=NAME`."""
    labels = {"app": name}
    metadata = {"labels": labels, "annotations": annotations or {}}
    template = {"metadata": metadata, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **others},
    }
