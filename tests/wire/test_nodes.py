"""The chart on two real nodes: what a cluster's user does, from `pulumi up` to a ping."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from testbed.machines.images import POD
from testbed.machines.pod import NETWORKS, STATUS
from tests.wire.site import Site

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
def site(make_site: Callable[[], Site]) -> Iterator[Site]:
    found = make_site()
    found.start()
    found.up(ipam="whereabouts", networks=[STORAGE])
    yield found
    found.stop()


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


def test_pods_of_two_nodes_meet_on_both_networks_and_reach_services(site: Site) -> None:
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


def test_a_pod_that_asks_for_a_network_that_is_not_there_says_so(site: Site) -> None:
    """The control arm: it is Multus that gave net1, by that name."""
    pod = site.nodes[0].pod(networks="default/nowhere")
    with pytest.raises(Exception, match="nowhere"):
        pod.start()


def test_logs_are_those_of_the_container(site: Site) -> None:
    pods = site.cluster.items("pods", "-n", "kube-system", "-l", "app=rke2-multus")
    named = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in pods}
    assert set(named) == {node.name for node in site.nodes}
    for name in named.values():
        assert "multus config file is created" in site.cluster.kubectl(
            "logs", "-n", "kube-system", name
        )
