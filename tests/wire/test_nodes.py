"""The chart on two real nodes: what a cluster's user does, from `pulumi up` to a ping."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from testbed.kubectl import condition
from testbed.node.images import POD
from testbed.node.pod import NETWORKS, STATUS, Pod
from testbed.processes import end
from tests.wire import pools
from tests.wire.deployed import Deployed
from tests.wire.stream import stream

REPLICAS = 4
SERVICE = "10.43.0.1"
STORAGE = {
    "name": "storage",
    "type": "macvlan",
    "master": "eth1",
    "ipam": {
        "type": "whereabouts",
        "range": "192.168.20.0/24",
        "rangeStart": "192.168.20.50",
        "gateway": "192.168.20.1",
    },
}


@pytest.fixture(scope="module")
def site(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="whereabouts", networks=[STORAGE])


def deployment(name: str, annotation: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "main", "image": POD, "imagePullPolicy": "Never"}
    pod = {
        "metadata": {"labels": labels, "annotations": {NETWORKS: annotation}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 5},
    }
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": pod}
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def addresses(pod: dict[str, Any]) -> dict[str, str]:
    """What Multus says each interface has."""
    status = json.loads(pod["metadata"]["annotations"][STATUS])
    return {one["interface"]: one["ips"][0] for one in status}


def test_pods_of_two_nodes_meet_on_both_networks_and_reach_services(site: Deployed) -> None:
    cluster = site.cluster
    cluster.create(deployment("web", site.annotation("default/storage")))
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s", timeout=70)
    pods = cluster.items("pods", "-l", "app=web")
    assert {pod["spec"]["nodeName"] for pod in pods} == {node.name for node in site.nodes}
    held = {pod["metadata"]["name"]: addresses(pod) for pod in pods}
    second = sorted(ip_address(one["net1"]) for one in held.values())
    assert second == [ip_address("192.168.20.50") + number for number in range(REPLICAS)]
    for name in held:
        for other, there in held.items():
            for address in there.values():
                cluster.kubectl("exec", name, "--", "ping", "-c1", "-W3", address)
            if other == name:
                assert there["net1"] in cluster.kubectl("exec", name, "--", "ip", "address")
        # The API server answers, if only with a refusal: it wants TLS.
        asking = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {SERVICE} 443"
        assert "HTTPS server" in cluster.kubectl("exec", name, "--", "sh", "-c", asking)
    cluster.kubectl("delete", "deployment", "web")


def test_a_pod_that_asks_for_a_network_that_is_not_there_says_so(site: Deployed) -> None:
    """The control arm: it is Multus that gave net1, by that name."""
    pod = site.nodes[0].pod(networks="default/nowhere")
    with pytest.raises(Exception, match="nowhere"):
        pod.start()


def test_logs_are_those_of_the_container(site: Deployed) -> None:
    pods = site.cluster.items("pods", "-n", "kube-system", "-l", "app=rke2-multus")
    named = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in pods}
    assert set(named) == {node.name for node in site.nodes}
    for name in named.values():
        assert "multus config file is created" in site.cluster.kubectl(
            "logs", "-n", "kube-system", name
        )


@pytest.fixture
def pair(site: Deployed) -> Iterator[list[Pod]]:
    """Two pods, one on each node."""
    yield site.pods(site.nodes, "default/storage")
    site.stop_pods()


@pytest.mark.parametrize("what", ["kubelet", "containerd", "flanneld", "kube-proxy", "multus"])
def test_what_is_restarted_alone_disturbs_no_pod(
    what: str, site: Deployed, pair: list[Pod]
) -> None:
    node = site.nodes[0]
    with stream(pair[0], pair[1]) as seen:
        if what == "multus":
            before = node.restarts(what)
            end(node.processes_of(what), grace=0)
            site.cluster.wait_for(lambda: node.restarts(what) == before + 1, "Multus to run again")
        else:
            node.restart(what)
        pod = site.pod(node, "default/storage")
    assert seen.sent > 50
    assert seen.lost == []
    assert pod.reach(pair[1], pair[1].addresses()[0].ip) == pod.addresses()[0].ip


def test_a_node_that_loses_its_power_comes_back_with_its_pods_and_no_address_is_lost(
    site: Deployed,
) -> None:
    cluster, node = site.cluster, site.nodes[1]
    cluster.create(deployment("web", site.annotation("default/storage")))
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s", timeout=70)

    def ready() -> dict[str, int]:
        """The ready pods with their containers' number of starts."""
        return {
            pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
            for pod in cluster.items("pods", "-l", "app=web")
            if pod["spec"]["nodeName"] == node.name and condition(pod, "Ready") == "True"
        }

    before = ready()
    assert set(before.values()) == {0}
    node.power_off()
    node.power_on()
    again = dict.fromkeys(before, 1)
    cluster.wait_for(lambda: ready() == again, "the node's pods to run again", 90)
    pods = cluster.items("pods", "-l", "app=web")
    held = {ip_address(addresses(pod)["net1"]): pod["metadata"]["name"] for pod in pods}
    assert len(held) == REPLICAS
    wanted = {address: f"default/{name}" for address, name in held.items()}
    cluster.wait_for(lambda: pools.held(cluster) == wanted, "the pools to count what is used")
    cluster.kubectl("delete", "deployment", "web")
    cluster.wait_for(lambda: pools.held(cluster) == {}, "all addresses to be free")
