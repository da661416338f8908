"""Kubernetes objects in settings and raw Helm values: the program says what the API server does.

Each case of `extra_values.yaml` is asked of both, so that a rule which Kubernetes has not is
noticed too. `tests/unit/test_extra_values.py` asks the program.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

import pytest

from testbed.cluster import Cluster
from testbed.leftovers import Leftovers
from tests.unit.cases import load

CASES: Final = load("extra_values", "kubernetes")


def pod(name: str, kind: str, value: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "one", "image": "one"}
    spec: dict[str, Any] = {"containers": [container]}
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    match kind:
        case "resources":
            container[kind] = value
        case "securityContext":
            container[kind] = {"privileged": True, **value}  # which is the chart's own
        case "podAnnotations":
            metadata["annotations"] = value
        case "nodeSelector":
            metadata["labels"] = value  # the API server holds both to the same rules
        case _:
            spec[kind] = value
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def answer(shared_cluster: tuple[Cluster, Leftovers]) -> subprocess.CompletedProcess[str]:
    """All cases at once; kubectl goes on after a refusal."""
    asked = [pod(f"case-{at}", kind, value) for at, (kind, value, _) in enumerate(CASES)]
    return shared_cluster[0].try_kubectl(
        *("create", "--dry-run=server", "-f", "-"),
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": asked}),
    )


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_api_server_says_the_same(case: int, answer: subprocess.CompletedProcess[str]) -> None:
    created = f"pod/case-{case} created (server dry run)" in answer.stdout.splitlines()
    assert created == CASES[case][2], answer.stderr
