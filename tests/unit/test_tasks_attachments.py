"""Which pods lack a network, and what gives it to them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from components.cluster_tasks.attachments import NETWORKS, STATUS, given, missed, starting
from tests.unit.tasks import cases

Json = dict[str, Any]


def pod(case: Json) -> Json:
    """A pod of namespace apps that runs on a node, with what the case changes."""
    notes = {NETWORKS: case["networks"]} if "networks" in case else {}
    if "status" in case or "statusText" in case:
        notes[STATUS] = case.get("statusText") or json.dumps(case["status"])
    name = case.get("name", "web-5d4f-x7k2p")
    meta = {"name": name, "namespace": "apps", "uid": name, "annotations": notes}
    meta |= {
        key: case[key] for key in ("labels", "ownerReferences", "deletionTimestamp") if key in case
    }
    ips = [{"ip": one} for one in case.get("ips", ["10.42.0.9"])]
    return {
        "metadata": meta,
        "spec": {"nodeName": "node-1", "hostNetwork": case.get("hostNetwork", False)},
        "status": {
            "phase": case.get("phase", "Running"),
            "startTime": "2026-01-01T00:00:00Z",
            "podIPs": ips,
        },
    }


@pytest.mark.parametrize("case", cases("attachments"))
def test_what_a_pod_lacks(case: Json) -> None:
    found = missed([pod(case)])
    assert [name for one in found for name in one.networks] == case["lacks"]


def test_an_annotation_beyond_all_reason_stops_nobody() -> None:
    """Whoever may make a pod may write it, up to 256 KiB."""
    deep = "[" * 150_000
    [lacks] = missed([pod({"networks": deep})])
    assert len(lacks.line) < 500
    for status in (deep, '[{"name": "apps/lan", "ips": 5}]', '[{"name": "a", "ips": ["x"]}]'):
        assert given(pod({"networks": "lan", "statusText": status})) == []
        missed([pod({"networks": "lan", "statusText": status})])


def test_a_pod_that_has_no_interface_yet_is_only_starting() -> None:
    pods = [pod({"name": "a", "networks": "lan", "ips": []}), pod({"name": "b", "ips": []})]
    assert starting(pods) == {"a"}


DELETE: Final = "kubectl delete pod web-5d4f-x7k2p --namespace apps"
HASH: Final = {"labels": {"pod-template-hash": "5d4f"}}
ANEW: Final = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")  # what `up` may restart
# kind and name of the controller, labels -> the command's beginning
OWNERS: Final[dict[str, tuple[Json, Json, str]]] = {
    "Deployment": ({"kind": "ReplicaSet", "name": "web-5d4f"}, HASH, DELETE),
    "ReplicaSet": ({"kind": "ReplicaSet", "name": "web"}, HASH, DELETE),
    "StatefulSet": ({"kind": "StatefulSet", "name": "web"}, {}, DELETE),
    "DaemonSet": ({"kind": "DaemonSet", "name": "web"}, {}, DELETE),
    "Job": ({"kind": "Job", "name": "web"}, {}, DELETE),
    "VirtualMachine": ({"kind": "VirtualMachine", "name": "web"}, {}, DELETE),
    "Node": ({"kind": "Node", "name": "node-1"}, {}, "on node-1 move its manifest out of"),
    "": ({}, {}, "kubectl get pod web-5d4f-x7k2p --namespace apps --output yaml | kubectl"),
}


@pytest.mark.parametrize(("owner", "labels", "command"), OWNERS.values(), ids=OWNERS)
def test_what_restarts_it(
    owner: Json, labels: Json, command: str, request: pytest.FixtureRequest
) -> None:
    owners = [{"uid": "1", "controller": True, **owner}] if owner else []
    [found] = missed([pod({"networks": "lan", "ownerReferences": owners, **labels})])
    assert found.owner == (request.node.callspec.id, found.owner[1])
    assert found.command.startswith(command)
    assert found.made_anew == (found.owner[0] in ANEW)
    assert found.line.startswith("apps/web-5d4f-x7k2p")
    assert "on node-1, started 2026-01-01T00:00:00Z, has no apps/lan: " in found.line


def test_a_pod_whose_interfaces_are_made_anew_is_told_from_what_it_was() -> None:
    before, after = (pod({"networks": "lan", "ips": [ip]}) for ip in ("10.42.0.9", "10.42.0.10"))
    [one], [other] = missed([before]), missed([after])
    assert one.mark != other.mark
    assert missed([before])[0].mark == one.mark
