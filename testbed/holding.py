"""Keeps chosen pods from getting Ready, and lets them go, while a cluster runs.

A hold is a Stage object with more weight than the one that makes pods Ready. Pods that exist are
touched so that kwok looks at them again. It does not stop pods from being created or deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Hold:
    """Which pods are held (those with all the labels, on one of the nodes; empty: any) and how.

    `reason` is what the containers wait for, as the kubelet says it: ContainerCreating,
    ImagePullBackOff, CrashLoopBackOff. With `restarts` the pod counts as Running, and the last
    end of its containers has `exit_code`.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    nodes: Sequence[str] = ()
    reason: str = "ContainerCreating"
    message: str = ""
    restarts: int = 0
    exit_code: int = 1

    def stage(self) -> dict[str, Any]:
        """The Stage object."""
        expressions: list[dict[str, Any]] = [
            {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
        ]
        for key, value in self.labels.items():
            path = f".metadata.labels[{json.dumps(key)}]"
            expressions.append({"key": path, "operator": "In", "values": [value]})
        if self.nodes:
            expressions.append(
                {"key": ".spec.nodeName", "operator": "In", "values": list(self.nodes)}
            )
        return {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "Stage",
            "metadata": {"name": self.name},
            "spec": {
                "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
                "weight": 1,
                "selector": {"matchExpressions": expressions},
                "next": {"statusTemplate": self._status()},
            },
        }

    def _status(self) -> str:
        """A template without the present time: held pods are written once, not again and again."""
        waiting = json.dumps({"waiting": {"reason": self.reason, "message": self.message}})
        ended = {"exitCode": self.exit_code, "reason": "Error", "message": self.message}
        last = json.dumps({"terminated": ended}) if self.restarts else "{}"
        since = "{{ .metadata.creationTimestamp | Quote }}"
        unready = "reason: ContainersNotReady, message: containers with unready status"
        return f"""
phase: {"Running" if self.restarts else "Pending"}
startTime: {since}
hostIP: {{{{ NodeIPWith .spec.nodeName | Quote }}}}
conditions:
- {{type: Initialized, status: "True", lastTransitionTime: {since}}}
- {{type: Ready, status: "False", {unready}, lastTransitionTime: {since}}}
- {{type: ContainersReady, status: "False", {unready}, lastTransitionTime: {since}}}
containerStatuses:
{{{{ range .spec.containers }}}}
- name: {{{{ .name | Quote }}}}
  image: {{{{ .image | Quote }}}}
  ready: false
  started: false
  restartCount: {self.restarts}
  state: {waiting}
  lastState: {last}
{{{{ end }}}}
"""

    def holds(self, pod: Mapping[str, Any]) -> bool:
        """Whether a pod, as the API server gives it, is one of those."""
        labels = pod["metadata"].get("labels") or {}
        labelled = all(labels.get(key) == value for key, value in self.labels.items())
        return labelled and (not self.nodes or pod["spec"].get("nodeName") in self.nodes)
