"""The hand-over of the CRDs: what is marked, what is left alone, and what stops the run."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, Final

import pytest

from components.cluster_tasks.crd_handover import (
    KEEP,
    MANAGED_BY,
    NETWORKS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    WHEREABOUTS,
    hand_over,
)
from components.cluster_tasks.kubectl import Kubectl, TaskError
from tests.unit.tasks import cases

Json = dict[str, Any]
NAMES: Final = {"networks": NETWORKS} | {name.partition(".")[0]: name for name in WHEREABOUTS}
RELEASE: Final = {
    "chart": {"metadata": {"name": "rke2-multus", "version": "v4.2.311"}},
    "info": {"last_deployed": "2026-05-04T10:11:12Z"},
}
PACKED: Final = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(RELEASE).encode())))


def crd(name: str, marks: Json) -> Json:
    """A live CRD of a case; one of nobody's has null where there are no marks."""
    notes = {KEEP: marks["keep"]} if "keep" in marks else {}
    if "release" in marks:
        notes[RELEASE_NAME] = marks["release"]
        notes[RELEASE_NAMESPACE] = marks.get("namespace", "kube-system")
    labels = {MANAGED_BY: marks["managed"]} if "managed" in marks else {}
    metadata = {"name": NAMES[name], "annotations": notes or None, "labels": labels or None}
    return {"metadata": metadata | ({"deletionTimestamp": "now"} if "deleting" in marks else {})}


def secret(case: Json) -> Json:
    """A Secret in which Helm keeps a revision of a release."""
    labels = {"name": "multus", "status": "deployed", "version": "1", **case}
    return {"metadata": {"labels": labels}, "data": {"release": case.get("data", PACKED.decode())}}


class Fake(Kubectl):
    """Answers from a case and keeps what it is told to patch, in the case's words."""

    def __init__(self, case: Json) -> None:
        super().__init__([], {})
        self.crds = [crd(name, marks) for name, marks in case.get("crds", {}).items()]
        self.secrets = [secret(one) for one in case.get("secrets", [])]
        self.patches: Json = {}

    def run(self, *arguments: str) -> str:
        match arguments:
            case ("get", "crds", *names, "-o", "json", "--ignore-not-found"):
                assert set(names) == {*NAMES.values()}
                # As kubectl does it: one is itself, several are a List, none is nothing.
                listed = {"kind": "List", "items": self.crds}
                return json.dumps(self.crds[0] if len(self.crds) == 1 else listed) * bool(self.crds)
            case ("get", "secrets", "--namespace=kube-system", selector, "-o", "json"):
                name = selector.removeprefix("--selector=owner=helm,name=")
                found = [one for one in self.secrets if one["metadata"]["labels"]["name"] == name]
                return json.dumps({"items": found})
            case ("patch", "crd", name, "--type=merge", body):
                metadata = json.loads(body.removeprefix("--patch="))["metadata"]
                written = {**metadata.get("annotations", {}), **metadata.get("labels", {})}
                word = {RELEASE_NAME: "name", RELEASE_NAMESPACE: "namespace", KEEP: "keep"}
                self.patches[name.partition(".")[0]] = {
                    word.get(key, "managed"): value for key, value in written.items()
                }
                return ""
        raise AssertionError(arguments)


@pytest.mark.parametrize("case", cases("crd_handover"))
def test_hand_over(case: Json) -> None:
    fake = Fake(case)
    chart = case.get("chart", "4.3.017")
    environment = {
        "MULTUS_CRD_OWNER": "multus-crd" if chart else "multus",
        "MULTUS_CRD_CHART": chart,
        "MULTUS_RELEASES": "multus,multus-crd",
        "MULTUS_NAMESPACE": "kube-system",
        "MULTUS_IPAM": case.get("ipam", "whereabouts"),
        "MULTUS_ADOPT": case.get("adopt", ""),
        "PULUMI_COMMAND_STDOUT": "" if case.get("first") else "nothing to do",
    }
    if "stops" in case:
        with pytest.raises(TaskError) as caught:
            hand_over(fake, environment)
        assert case["stops"] in str(caught.value)
        assert str(caught.value).isprintable()
        assert fake.patches == {}
        return
    said = hand_over(fake, environment)
    expected = {NAMES[name].partition(".")[0]: one for name, one in case["patches"].items()}
    assert fake.patches == expected
    assert len(said.splitlines()) == max(len(expected), 1)
