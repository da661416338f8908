"""The chart on two real nodes: what a cluster's user does, from `pulumi up` to a ping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network

import pytest

from testbed.kubectl import condition
from testbed.node.cni import CniError
from testbed.node.layout import SUBNET
from testbed.node.node import SYSTEM
from testbed.node.pod import REFUSED, Pod, addresses, deployment
from testbed.processes import end
from tests.wire import dns, pools
from tests.wire.deployed import Deployed
from tests.wire.stream import stream

REPLICAS = 4
SERVICE = "10.43.0.1"
DNS = "10.43.0.10"
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


def test_pods_of_two_nodes_meet_on_both_networks_and_reach_services(site: Deployed) -> None:
    cluster = site.cluster
    cluster.create(deployment("web", site.annotation("default/storage"), REPLICAS))
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


def test_a_name_is_found_by_the_clusters_dns_address(site: Deployed) -> None:
    """No DNS server can be had here; one answer is enough to see the way there and back."""
    here, there = site.nodes
    server = there.pod(labels={"app": "dns"})
    server.start()
    client = site.pod(here, "default/storage")
    port = {"port": 53, "protocol": "UDP"}
    service = {"selector": {"app": "dns"}, "clusterIP": DNS, "ports": [port]}
    meta = {"name": "dns", "namespace": "default"}
    site.cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service})
    ask = ("exec", client.name, "--", "timeout", "3", "nslookup", "storage.example.")
    with dns.answering(server, "192.0.2.7"):
        site.cluster.wait_for(
            lambda: "192.0.2.7" in site.cluster.try_kubectl(*ask).stdout, "an answer", 20
        )
    # The control arm: it is that pod that answered.
    assert site.cluster.try_kubectl(*ask).returncode != 0
    site.cluster.kubectl("delete", "service", "dns")
    site.stop_pods()


def test_multus_that_starts_before_flannel_gives_both_networks_once_it_is_there(
    site: Deployed,
) -> None:
    cluster, node = site.cluster, site.nodes[0]
    conf = node.space.path(node.layout.conf_dir)
    flannel, multus = conf / "10-flannel.conflist", conf / "00-multus.conflist"
    kept = flannel.read_text()
    node.space.end("flanneld")
    node.space.path(SUBNET).unlink()
    flannel.unlink()
    old = node.system_pod("multus")["metadata"]["name"]
    cluster.kubectl("delete", "pod", "-n", SYSTEM, old, timeout=70)
    cluster.wait_for(lambda: node.system_pod("multus")["status"]["phase"] == "Running", "Multus")
    assert not multus.exists()
    pod = node.pod(networks=site.annotation("default/storage"))
    pod.create()
    cluster.wait_for(lambda: pod.events("NetworkNotReady") != [], "the pod to wait")
    flannel.write_text(kept)
    cluster.wait_for(multus.exists, "Multus's configuration")
    cluster.wait_for(
        lambda: any("loadFlannelSubnetEnv failed" in one for one in pod.events(REFUSED)),
        "the pod to wait for flannel's subnet",
    )
    node.start_flannel()
    cluster.kubectl("wait", f"pod/{pod.name}", "--for=condition=Ready", "--timeout=60s", timeout=70)
    assert {"eth0", "net1"} <= set(pod.links())
    site.stop_pods()


def test_new_pods_follow_flannels_new_subnet(site: Deployed, pair: list[Pod]) -> None:
    """The node is taken away and comes back with another part of the cluster's range."""
    cluster, node = site.cluster, site.nodes[1]
    fresh = ip_network("10.42.77.0/24")
    assert node.subnet != fresh
    with stream(pair[0], pair[1]) as seen:
        node.space.end("flanneld")
        node.stop_kubelet()
        labels = cluster.kubectl_json("get", "node", node.name)["metadata"]["labels"]
        cluster.kubectl("delete", "node", node.name)
        meta = {"name": node.name, "labels": labels}
        spec = {"podCIDR": str(fresh), "podCIDRs": [str(fresh)]}
        cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec})
        node.start_kubelet()
        node.start_flannel()
        subnet = node.space.path(SUBNET)
        cluster.wait_for(lambda: "10.42.77.1/24" in subnet.read_text(), "flannel's new subnet")
        site.settle()
        pod = site.pod(node, "default/storage")
    assert seen.sent > 50
    assert seen.lost == []
    assert pod.addresses("eth0")[0].ip in fresh
    for interface in ("eth0", "net1"):
        there, here = pod.addresses(interface)[0].ip, pair[0].addresses(interface)[0].ip
        assert pair[0].reach(pod, there, interface) == here


def test_a_pod_that_asks_for_a_network_that_is_not_there_says_so(site: Deployed) -> None:
    """The control arm: it is Multus that gave net1, by that name."""
    pod = site.nodes[0].pod(networks="default/nowhere")
    with pytest.raises(CniError, match="nowhere"):
        pod.start()


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
            end(node.processes_of(node.system_pod(what)), grace=0)
            site.cluster.wait_for(lambda: node.restarts(what) == before + 1, "Multus to run again")
        else:
            node.restart(what)
        # The kubelet tries again where Whereabouts' kubeconfig is being written at that moment.
        (pod,) = site.pods([node], "default/storage")
    assert seen.sent > 50
    assert seen.lost == []
    assert pod.reach(pair[1], pair[1].addresses()[0].ip) == pod.addresses()[0].ip


def test_a_node_that_loses_its_power_comes_back_with_its_pods_and_no_address_is_lost(
    site: Deployed,
) -> None:
    cluster, node = site.cluster, site.nodes[1]
    cluster.create(deployment("web", site.annotation("default/storage"), REPLICAS))
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
