"""Keeps chosen pods from getting Ready, and lets them go, while a cluster runs.

A hold is a Stage object with more weight than the one that makes pods Ready. Pods that exist are
touched so that kwok looks at them again. It does not stop pods from being created or deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

STAGE: Final = Template(Path(__file__).with_name("held.yaml").read_text("utf-8"))


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
        ended = {"exitCode": self.exit_code, "reason": "Error", "message": self.message}
        text = STAGE.substitute(
            name=self.name,
            expressions=json.dumps(expressions),
            phase="Running" if self.restarts else "Pending",
            restarts=self.restarts,
            state=json.dumps({"waiting": {"reason": self.reason, "message": self.message}}),
            last=json.dumps({"terminated": ended} if self.restarts else {}),
        )
        stage: dict[str, Any] = yaml.safe_load(text)
        return stage

    def holds(self, pod: Mapping[str, Any]) -> bool:
        """Whether a pod, as the API server gives it, is one of those."""
        labels = pod["metadata"].get("labels") or {}
        labelled = all(labels.get(key) == value for key, value in self.labels.items())
        return labelled and (not self.nodes or pod["spec"].get("nodeName") in self.nodes)
