"""Pods that start without their networks while `up` runs: what it says of them, and does.

No Multus runs on simulated nodes, so each pod that asks for a network is one that missed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from testbed import objects
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.results import Result
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.test_readiness import MULTUS

ASKS: Final = {"k8s.v1.cni.cncf.io/networks": "default/lan"}
TIMEOUT: Final = 30
REPLICAS: Final = 2


def bare(space: str, name: str) -> dict[str, Any]:
    return objects.pod(name, space, annotations=ASKS)


def deployment(space: str, name: str) -> dict[str, Any]:
    return objects.workload("Deployment", name, space, annotations=ASKS, replicas=REPLICAS)


def budget(space: str, name: str) -> dict[str, Any]:
    """That allows no eviction."""
    spec = {"maxUnavailable": 0, "selector": {"matchLabels": {"app": name}}}
    meta = {"name": name, "namespace": space}
    kind = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
    return {**kind, "metadata": meta, "spec": spec}


def uids(cluster: Cluster, space: str) -> dict[str, set[str]]:
    """Of the running pods, by their label app or else their name."""
    found: dict[str, set[str]] = {}
    for pod in cluster.items("pods", "-n", space, "--field-selector=status.phase=Running"):
        meta = pod["metadata"]
        if not meta.get("deletionTimestamp"):
            key = meta.get("labels", {}).get("app", meta["name"])
            found.setdefault(key, set()).add(meta["uid"])
    return found


WANTED: Final = {"early": 1, "lone": 1, "web": REPLICAS, "held": REPLICAS}


def running(cluster: Cluster, space: str, wanted: Mapping[str, int]) -> None:
    cluster.wait_for(
        lambda: {name: len(one) for name, one in uids(cluster, space).items()} == wanted,
        "the pods to run",
    )


def up_while_pods_start(
    checkout: Workspace, cluster: Cluster, space: str
) -> tuple[Result, dict[str, set[str]]]:
    """The first `up`, with pods that start before Multus is ready; their UIDs then."""
    cluster.create(bare(space, "early"))
    running(cluster, space, {"early": 1})
    with cluster.held(labels=MULTUS):
        started = checkout.start("up", "prod")
        cluster.wait_for(lambda: "DaemonSet/multus" in live.workloads(cluster), "the release", 90)
        cluster.create(
            bare(space, "lone"),
            budget(space, "held"),
            deployment(space, "held"),
            deployment(space, "web"),
        )
        running(cluster, space, WANTED)
        before = uids(cluster, space)
    return started.wait(), before


@pytest.mark.parametrize("decision", ["warn", "fail", "restart"])
def test_what_up_does_about_pods_that_missed_their_networks(
    decision: str, cluster: Cluster, program: MakeProgram
) -> None:
    space = cluster.namespace()
    checkout = program("prod", cluster, protect=False, missed=decision, timeout=TIMEOUT)
    result, before = up_while_pods_start(checkout, cluster, space)
    running(cluster, space, WANTED)
    kept = {name for name, one in uids(cluster, space).items() if one == before[name]}
    gone = {name for name, one in uids(cluster, space).items() if not one & before[name]}
    said = [*result.warnings, *result.errors]
    [text] = [one for one in said if "6 pods run without networks that they ask for" in one]
    assert "5 of 6 since this run began:\n" in text
    for name in before:
        assert text.count(f"{space}/{name}") == len(before[name])
    assert f"kubectl get pod lone --namespace {space} --output yaml | kubectl replace" in text
    assert result.ok == (decision != "fail")
    assert (text in result.errors) == (decision == "fail")
    if decision == "restart":
        assert (kept, gone) == ({"early", "lone", "held"}, {"web"})
        assert "Cannot evict pod as it would violate the pod's disruption budget" in text
        return
    assert (kept, gone) == ({*before}, set())
    again = checkout.up("prod").check()
    assert again.changes == ()
    assert any(
        "6 pods run without networks that they ask for, since bef" in one for one in again.warnings
    )


def test_where_all_pods_have_their_networks_nothing_is_said(
    cluster: Cluster, program: MakeProgram
) -> None:
    space = cluster.namespace()
    pod = bare(space, "fine")
    pod["metadata"]["annotations"] = {
        **ASKS,
        "k8s.v1.cni.cncf.io/network-status": '[{"name": "default/lan", "interface": "net1"}]',
    }
    cluster.create(pod)
    running(cluster, space, {"fine": 1})
    result = program("prod", cluster, protect=False, missed="fail").up("prod").check()
    assert not [one for one in result.warnings if "networks that" in one]
