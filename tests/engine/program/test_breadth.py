"""Several IPAMs, a registry, placement and a schedule, live on the API server."""

from __future__ import annotations

from typing import Any

from testbed.cluster import Cluster
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.stacks.files import arguments

KUBE_SYSTEM = ("-n", "kube-system")
EDGE = {"key": "example.com/edge", "operator": "Exists"}


def schedule(cluster: Cluster) -> str:
    found = cluster.kubectl_json("get", "configmap/whereabouts-config", *KUBE_SYSTEM)
    text: str = found["data"]["cron-expression"]
    return text


def test_a_schedule_survives_upgrades_and_goes_with_its_setting(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster, protect=False, reconcilerSchedule="*/30 * * * *")
    checkout.up("prod").check()
    assert schedule(cluster) == "*/30 * * * *"
    assert checkout.preview("prod").check().changes == ()

    # A Helm upgrade that has nothing to do with the schedule.
    checkout.configure("prod", {"namespaceIsolation": False})
    changed = {step.name: step.op for step in checkout.up("prod").check().changes}
    assert changed["multus-release"] == changed["multus-schedule"] == "update"
    assert schedule(cluster) == "*/30 * * * *"

    checkout.configure("prod", {"reconcilerSchedule": None})
    gone = checkout.up("prod").check().changes
    assert [(step.op, step.name) for step in gone] == [("delete", "multus-schedule")]
    assert schedule(cluster) == "30 4 * * *"

    checkout.configure("prod", {"reconcilerSchedule": "0 4 * * 1"})
    checkout.up("prod").check()
    checkout.destroy("prod").check()
    assert live.workloads(cluster) == set()


def pods(cluster: Cluster) -> dict[str, dict[str, Any]]:
    return {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]
        for item in cluster.items("daemonsets,deployments", *KUBE_SYSTEM)
    }


def test_two_ipams_from_a_registry_on_chosen_nodes(cluster: Cluster, program: MakeProgram) -> None:
    small = {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "300Mi"}}
    up = (
        program(
            "prod",
            cluster,
            protect=False,
            additionalIpam=["dhcp"],
            registry="mirror.lan:5000/proxy",
            imagePullSecrets=["mirror"],
            tolerations=[EDGE],
            nodeSelector={"kubernetes.io/os": "linux"},
            resources={"whereabouts": small},
        )
        .up("prod")
        .check()
    )
    found = pods(cluster)
    expected = {one.partition("/")[2] for one in arguments("prod").workloads} | {"multus-dhcp"}
    assert set(found) == expected
    images = {
        container["image"]
        for pod in found.values()
        for container in (*pod.get("initContainers", ()), *pod["containers"])
    }
    assert images == set(up.outputs["images"])
    assert all(image.startswith("mirror.lan:5000/proxy/rancher/") for image in images)
    for name, pod in found.items():
        assert pod["imagePullSecrets"] == [{"name": "mirror"}]
        # The chart has neither for the reconciler; see components/placement.py.
        placed = name != "whereabouts-reconciler"
        # The DaemonSet controller's own tolerations are on its pods, not in the template.
        assert (pod.get("tolerations") == [EDGE]) is placed
        assert (pod.get("nodeSelector") == {"kubernetes.io/os": "linux"}) is placed
    assert found["whereabouts"]["containers"][0]["resources"] == small
