"""Networks for some of the nodes: the example of docs/networks.md on the live API server."""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

from testbed.cluster import Cluster
from testbed.nodes import K3S, node
from testbed.results import Result
from tests.engine.program.conftest import MakeProgram
from tests.stacks.test_docs import DEPLOYMENT, SOME_NODES

LABELS: Final = {"example.com/nic": "camera"}
RESOURCE: Final = "example.com/port"
FAST: Final = {"name": "fast", "type": "sriov", "resourceName": RESOURCE, "nodes": LABELS}


def said(result: Result, rule: str) -> list[str]:
    return [one.message for one in result.check().diagnostics if f"[{rule}]" in one.message]


def nodes_of_pods(cluster: Cluster, deployment: dict[str, Any]) -> set[str]:
    """The nodes that the scheduler gives the pods of a new Deployment."""
    cluster.apply(deployment)
    name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]

    def chosen() -> list[str]:
        pods = cluster.items("pods", "-n", "default", "-l", f"app={name}")
        return [one["spec"]["nodeName"] for one in pods if "nodeName" in one["spec"]]

    cluster.wait_for(lambda: len(chosen()) == wanted, f"the pods of {name}")
    return {*chosen()}


def test_preflight_says_which_nodes_match_and_pods_run_there(
    cluster: Cluster, program: MakeProgram
) -> None:
    [camera] = yaml.safe_load(SOME_NODES)["config"]["multus:networks"]
    settings = {"networks": [camera, FAST], "extraPlugins": ["sriov"], "protect": False}
    checkout = program("prod", cluster, **settings)
    warned = said(checkout.preview("prod"), "no-node-for-network")
    assert ["networks[0].nodes" in warned[0], "networks[1].nodes" in warned[1]] == [True, True]

    cluster.apply(node("extra", 200, K3S, LABELS))
    preview = checkout.preview("prod")
    assert said(preview, "no-node-for-network") == []
    assert len([one for one in said(preview, "nodes-of-network") if "extra" in one]) == 2
    assert ["extra" in one for one in said(preview, "device-not-offered")] == [True]
    there = json.dumps({"status": {"allocatable": {RESOURCE: "4"}, "capacity": {RESOURCE: "4"}}})
    cluster.kubectl("patch", "node", "extra", "--subresource=status", "--patch", there)

    result = checkout.up("prod")
    assert said(result, "device-not-offered") == []
    found = result.outputs["networks"]["default/camera"]
    deployment = yaml.safe_load(DEPLOYMENT)
    template = deployment["spec"]["template"]
    assert template["metadata"]["annotations"] == found["annotation"]
    assert template["spec"]["nodeSelector"] == found["nodeSelector"]
    assert nodes_of_pods(cluster, deployment) == {"extra"}

    control = json.loads(json.dumps(deployment).replace("recorder", "control"))
    del control["spec"]["template"]["spec"]["nodeSelector"]
    assert nodes_of_pods(cluster, control | {"spec": control["spec"] | {"replicas": 4}}) > {"extra"}
