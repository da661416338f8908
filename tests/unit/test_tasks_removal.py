"""What `destroy` says at its end, where the live cluster of other tests does not get."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from components.cluster_tasks.crd_handover import hand_over
from components.cluster_tasks.kubectl import Kubectl, TaskError, unreachable
from components.cluster_tasks.removal import removed

ENVIRONMENT = {
    "MULTUS_UNDO": "1",
    "MULTUS_NAMESPACE": "kube-system",
    "MULTUS_WORKLOADS": "DaemonSet/multus,Deployment/whereabouts-reconciler",
    "MULTUS_TIMEOUT": "30",
    "MULTUS_CONF_DIR": "/etc/cni/net.d",
}


def pod(name: str, kind: str, owner: str, node: str = "a") -> dict[str, Any]:
    owners = [{"kind": kind, "name": owner}]
    meta = {"name": name, "namespace": "kube-system", "ownerReferences": owners}
    return {"metadata": meta, "spec": {"nodeName": node}}


class Fake(Kubectl):
    """One node, and pods that stay."""

    def __init__(self, *pods: dict[str, Any], ready: str = "True") -> None:
        super().__init__([], {})
        node = {"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready"}]}}
        node["status"]["conditions"][0]["status"] = ready  # type: ignore[index]
        self.answers = {"nodes": {"items": [node]}, "pods": {"items": [*pods]}}

    def run(self, *arguments: str) -> str:
        found = self.answers.get(arguments[1])
        return json.dumps(found) if found else ""


def said(kubectl: Kubectl) -> str:
    seconds = count()
    return removed(kubectl, ENVIRONMENT, clock=lambda: next(seconds), sleep=lambda _: None)


@pytest.mark.parametrize(
    "stays",
    [pod("multus-x", "DaemonSet", "multus"), pod("w", "ReplicaSet", "whereabouts-reconciler-5d8")],
)
def test_pods_that_stay_are_an_error_unless_their_node_is_down(stays: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match=f"pods are not: kube-system/{stays['metadata']['name']} "):
        said(Fake(stays))
    assert "rm -rf /etc/cni/net.d/00-multus.conf " in said(Fake(stays, ready="Unknown"))
    assert said(Fake(pod("multus-x", "DaemonSet", "other"))) == "Multus's pods are gone"


def test_a_cluster_that_is_gone_is_no_error() -> None:
    class Gone(Kubectl):
        def run(self, *_: str) -> str:
            raise TaskError(unreachable("EOF"))

    assert hand_over(Gone([], {}), ENVIRONMENT).startswith("nobody looked for what is left: the ")


def test_what_is_no_kind_of_the_cluster_is_not_asked_for() -> None:
    """A stack without Whereabouts has no pools, which kubectl takes for an error."""

    class Without(Fake):
        def run(self, *arguments: str) -> str:
            if arguments[1].startswith("ippools"):
                raise TaskError('error: the server doesn\'t have a resource type "ippools"')
            return super().run(*arguments)

    assert said(Without()) == "Multus's pods are gone"
