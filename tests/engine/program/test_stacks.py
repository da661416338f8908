"""Each example of a stack, from nothing to nothing, on the live API server.

One test for a whole life: each step needs the one before it, and its outcome is what the API
server holds, not what the engine says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from testbed.cluster import Cluster
from testbed.engine import Workspace
from tests.engine.program import live
from tests.engine.program.conftest import SPLIT, MakeProgram
from tests.stacks.files import STACKS, arguments, expected

NETWORKS_CRD = live.NETWORKS
WHEREABOUTS_CRDS = {
    "ippools.whereabouts.cni.cncf.io",
    "nodeslicepools.whereabouts.cni.cncf.io",
    "overlappingrangeipreservations.whereabouts.cni.cncf.io",
}
KEPT = {
    "dev": {NETWORKS_CRD},
    "staging": {NETWORKS_CRD},
    "prod": {NETWORKS_CRD, *WHEREABOUTS_CRDS},
}


@pytest.mark.parametrize("stack", STACKS)
def test_whole_life(stack: str, cluster: Cluster, program: MakeProgram) -> None:
    checkout = program(stack, cluster, protect=False)

    # On an empty cluster, where the networks' kind is not even known.
    assert checkout.preview(stack).check().summary == {"create": 12}
    assert live.crds(cluster) == set()

    up = checkout.up(stack).check()
    assert live.networks(cluster) == expected(stack)["networks"]
    assert live.workloads(cluster) == set(arguments(stack).workloads)
    assert live.crds(cluster) == KEPT[stack]
    assert live.releases(cluster) == {"multus", "multus-crd"}
    _outputs_are_true(stack, up.outputs, cluster)

    _nothing_changes_from_elsewhere(stack, checkout, program(stack, cluster, protect=False))

    checkout.destroy(stack).check()
    assert live.crds(cluster) == KEPT[stack]
    assert live.networks(cluster) == {}
    assert live.workloads(cluster) == set()
    assert live.releases(cluster) == set()

    checkout.up(stack).check()
    assert live.networks(cluster) == expected(stack)["networks"]


def _outputs_are_true(stack: str, outputs: Mapping[str, Any], cluster: Cluster) -> None:
    assert outputs["chartVersion"] == SPLIT
    assert outputs["values"] == expected(stack)["values"]
    networks = outputs["networks"]
    assert set(networks) == set(live.networks(cluster))
    for key, network in networks.items():
        assert network["annotation"] == {"k8s.v1.cni.cncf.io/networks": key}
        assert network["namespace"] == key.partition("/")[0]


def _nothing_changes_from_elsewhere(stack: str, here: Workspace, elsewhere: Workspace) -> None:
    assert here.path != elsewhere.path
    elsewhere.cli("stack", "select", stack)
    result = elsewhere.preview(stack).check()
    assert result.changes == ()
    assert result.summary == {"same": 12}


def test_no_path_of_this_machine_is_in_the_state(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster, protect=False)
    checkout.up("prod").check()
    state = checkout.state("prod")["deployment"]["resources"]
    text = json.dumps([resource.get("inputs") for resource in state])
    assert str(checkout.path) not in text
    assert "/tmp" not in text  # noqa: S108 (searched for, not written to)
    assert str(cluster.kubeconfig) not in text


CONF = "/var/lib/rancher/k3s/agent/etc/cni/net.d"
BIN = "/var/lib/rancher/k3s/data/cni"


def test_daemonsets_run_with_k3s_directories(cluster: Cluster, program: MakeProgram) -> None:
    """Arguments and host paths, live; the whole is held to the published charts elsewhere."""
    program("prod", cluster, protect=False).up("prod").check()

    multus = _pod(cluster, "multus")
    assert multus["containers"][0]["args"] == [
        "--multus-conf-file=auto",
        f"--cni-conf-dir=/host{CONF}",
        f"--cni-bin-dir=/host{BIN}",
        f"--multus-autoconfig-dir=/host{CONF}",
        f"--multus-kubeconfig-file-host={CONF}/multus.d/multus.kubeconfig",
        "--namespace-isolation",
        "--cleanup-config-on-exit=true",
    ]
    assert _host_paths(multus) == {CONF, BIN}

    whereabouts = _pod(cluster, "whereabouts")
    environment = {
        entry["name"]: entry.get("value") for entry in whereabouts["containers"][0]["env"]
    }
    assert environment["CNI_CONF_DIR"] == "/host/etc/cni/net.d"
    assert environment["CNI_BIN_DIR"] == f"/host{BIN}"
    assert _host_paths(whereabouts) == {"/etc/cni/net.d", BIN}
    assert whereabouts["priorityClassName"] == "system-node-critical"
    assert {one["effect"] for one in whereabouts["tolerations"] if "key" not in one} == {
        "NoSchedule",
        "NoExecute",
    }


def _pod(cluster: Cluster, daemon_set: str) -> dict[str, Any]:
    found = cluster.kubectl_json("get", f"daemonset/{daemon_set}", "-n", "kube-system")
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


def _host_paths(pod: dict[str, Any]) -> set[str]:
    return {volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
