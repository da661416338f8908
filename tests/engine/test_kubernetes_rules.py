"""Parts of pods in raw Helm values: what the program says of them is what the API server does.

Each case is asked of both, so that a rule which Kubernetes has not is noticed too.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

import pytest

from components.values.kinds import KINDS
from testbed.cluster import Cluster
from testbed.leftovers import Leftovers

Json = dict[str, Any]
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
LONG: Final = "x" * 64


def expression(key: str, operator: str, *values: str) -> Json:
    return {"key": key, "operator": operator, **({"values": [*values]} if values else {})}


def nodes(*expressions: Json, part: str = "matchExpressions") -> Json:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{part: [*expressions]}]}}}


def field(key: str, operator: str, *values: str) -> Json:
    return nodes(expression(key, operator, *values), part="matchFields")


def near(**term: Any) -> Json:
    return {"podAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname", **term}]}}


def labels(**selector: Any) -> Json:
    return near(labelSelector=selector)


# (kind of the value, value, whether it is taken)
CASES: Final[list[tuple[str, Any, bool]]] = [
    ("affinity", nodes(expression("zone", "In", "north", "")), True),
    ("affinity", nodes(expression("example.com/zone", "Exists")), True),
    ("affinity", nodes(expression("cores", "Gt", "4")), True),
    ("affinity", nodes(expression("cores", "Gt", "-4")), False),  # which is no label's value
    ("affinity", nodes(expression("cores", "Gt", "4", "5")), False),
    ("affinity", nodes(expression("cores", "Lt")), False),
    ("affinity", nodes(expression("zone", "In")), False),
    ("affinity", nodes(expression("zone", "Exists", "north")), False),
    ("affinity", nodes(expression("zone", "Is", "north")), False),
    ("affinity", nodes(expression("a b", "Exists")), False),
    ("affinity", nodes(expression(LONG, "Exists")), False),
    ("affinity", nodes(expression("Example.com/zone", "Exists")), False),
    ("affinity", nodes(expression("zone", "In", "in the north")), False),
    ("affinity", nodes(expression("zone", "NotIn", LONG)), False),
    ("affinity", nodes(), True),
    ("affinity", {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}, False),
    ("affinity", field("metadata.name", "In", "node-1"), True),
    ("affinity", field("metadata.name", "NotIn", "node-1"), True),
    ("affinity", field("metadata.name", "In", "node-1", "node-2"), False),
    ("affinity", field("metadata.name", "In", "Node_1"), False),
    ("affinity", field("metadata.name", "Exists"), False),
    ("affinity", field("metadata.namespace", "In", "x"), False),
    ("affinity", {"nodeAffinity": {PREFERRED: [{"weight": 100, "preference": {}}]}}, True),
    ("affinity", {"nodeAffinity": {PREFERRED: [{"weight": 101, "preference": {}}]}}, False),
    ("affinity", near(), True),
    ("affinity", near(topologyKey=""), False),
    ("affinity", near(topologyKey="a/b/c"), False),
    ("affinity", near(namespaces=["data"]), True),
    ("affinity", near(namespaces=["Data"]), False),
    ("affinity", labels(matchLabels={"app": "a", "example.com/b": ""}), True),
    ("affinity", labels(matchLabels={"a b": "a"}), False),
    ("affinity", labels(matchLabels={"app": "a b"}), False),
    ("affinity", labels(matchExpressions=[expression("app", "NotIn", "a")]), True),
    ("affinity", labels(matchExpressions=[expression("app", "Gt", "1")]), False),
    ("affinity", labels(matchExpressions=[expression("app", "In", "a b")]), False),
    ("tolerations", [{"operator": "Exists"}], True),
    ("tolerations", [{"key": "a", "value": "b", "effect": "NoSchedule"}], True),
    ("tolerations", [{"value": "b"}], False),
    ("tolerations", [{"key": "a", "operator": "Exists", "value": "b"}], False),
    ("tolerations", [{"key": "a b", "operator": "Exists"}], False),
    ("tolerations", [{"key": "a", "operator": "Exists", "effect": "Never"}], False),
    ("tolerations", [{"operator": "Exists", "tolerationSeconds": 5}], False),
    ("resources", {"requests": {"cpu": "100m", "memory": "1.5Gi"}}, True),
    ("resources", {"limits": {"memory": "12 MB"}}, False),
    ("resources", {"limits": {"cpu": "-1"}}, False),
    ("labels", {"example.com/app": "a.b_c-d", "x": ""}, True),
    ("labels", {"app": LONG}, False),
    ("labels", {"example.com/": "a"}, False),
    ("annotations", {"example.com/note": "any text\nat all"}, True),
    ("annotations", {"a b": ""}, False),
]


def pod(name: str, kind: str, value: Any) -> Json:
    container: Json = {"name": "one", "image": "one"}
    spec: Json = {"containers": [container]}
    metadata: Json = {"name": name, "namespace": "default"}
    if kind == "resources":
        container[kind] = value
    else:
        (metadata if kind in ("labels", "annotations") else spec)[kind] = value
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
def test_says_what_the_api_server_does(case: int, answer: subprocess.CompletedProcess[str]) -> None:
    kind, value, taken = CASES[case]
    created = f"pod/case-{case} created (server dry run)" in answer.stdout.splitlines()
    assert created == taken, answer.stderr
    assert (not [*KINDS[kind](value)]) == taken
