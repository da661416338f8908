"""Each kind of network that this kernel runs, from a stack file to the kernel's own state."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Final

import pytest

from testbed.node.cni import CniError
from testbed.node.entering import within
from testbed.node.node import Node
from testbed.node.pod import Pod, start_all
from tests.engine.program import live
from tests.wire import kernel
from tests.wire.declared import annotation, bridge, local, macvlan, static
from tests.wire.deployed import Deployed

Json = dict[str, Any]
FAR = ("203.0.113.9", "2001:db8::9")  # hosts behind the router of the wire, in no pod's network
SETTINGS: Final = {
    "net.ipv4.conf.IFNAME.arp_filter": "1",
    "net/ipv4/conf/IFNAME/rp_filter": "2",
    "net.core.somaxconn": "77",
}
TUNED: Final[Json] = {"promisc": True, "allmulti": True, "txQLen": 77}
LIMITS: Final = {
    "ingressRate": 8_000_000,
    "ingressBurst": 800_000,
    "egressRate": 4_000_000,
    "egressBurst": 400_000,
}
WRITTEN: Final[Json] = {
    "cniVersion": "0.4.0",
    "plugins": [
        {
            "type": "ptp",
            "mtu": 1234,
            "ipam": {
                "type": "static",
                "addresses": [{"address": "10.88.0.5/24", "gateway": "10.88.0.1"}],
            },
        },
        {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_ignore": "2"}},
    ],
}
MARKED: Final = {"labels": {"team": "storage"}, "annotations": {"example.com/note": "any text: é"}}


DEVICES: Final = {
    "device": "nic0",
    "hwaddr": "02:00:00:00:00:01",
    "kernelpath": "/sys/devices/software/card",
}
MODES: Final = ("bridge", "private", "vepa")
NETWORKS: Final[Sequence[Mapping[str, Any]]] = (
    *(
        macvlan(mode, local(f"192.168.6{at}.0/24"), mode=mode, capabilities=["ips"])
        for at, mode in enumerate(MODES)
    ),
    macvlan("alone", local("192.168.63.0/24"), master="eth2", mode="passthru"),
    *(
        {
            "name": f"card-by-{way.lower()}",
            "type": "host-device",
            way: which,
            "ipam": static("192.168.64.5/24"),
            "tuning": {**TUNED, "mtu": 1400},
            "capabilities": ["mac"],
        }
        for way, which in DEVICES.items()
    ),
    macvlan("tuned", local("192.168.65.0/24"), tuning={**TUNED, "sysctl": SETTINGS}),
    macvlan("plain", local("192.168.66.0/24", "fd00:66::/64"), **MARKED),
    macvlan("answers", local("192.168.67.0/24", "fd00:67::/64"), sbr={}),
    bridge("limited", local("192.168.68.0/24"), bandwidth=LIMITS),
    bridge("free", local("192.168.69.0/24")),
    {**bridge("tagged", local("192.168.70.0/24"), vlan=5), "bridge": "br-vlan"},
    {"name": "written", "type": "raw", "config": WRITTEN, **MARKED},
)


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="host-local", networks=list(NETWORKS))


@pytest.fixture
def nodes(stack: Deployed) -> Iterator[list[Node]]:
    yield stack.living_nodes()
    stack.stop_pods()


def pod_of(node: Node, network: str, **wishes: Any) -> Pod:
    """A pod that asks for a network as `pod_annotation` says it; it is yet to start."""
    found = next(one for one in NETWORKS if one["name"] == network)
    return node.pod(networks=annotation(found, **wishes))


def started(node: Node, network: str, **wishes: Any) -> Pod:
    pod = pod_of(node, network, **wishes)
    pod.start()
    return pod


def reaches(one: Pod, other: Pod) -> bool:
    try:
        one.reach(other, other.addresses()[0].ip)
    except OSError:
        return False
    return True


def test_a_macvlans_mode_says_whom_its_pods_reach(stack: Deployed, nodes: list[Node]) -> None:
    """`vepa` leaves it to the switch to send back what is for the same node, `private` refuses it.

    The control arm is `bridge`, and for all of them the pod on the other node.
    """
    trios = {}
    for at, mode in enumerate(MODES):
        places = (nodes[0], nodes[0], nodes[1])
        wanted = [f"192.168.6{at}.{host}/24" for host in (11, 12, 13)]
        trios[mode] = [
            pod_of(node, mode, ips=(ip,)) for node, ip in zip(places, wanted, strict=True)
        ]
    start_all([pod for trio in trios.values() for pod in trio])
    for mode, trio in trios.items():
        modes = [kernel.link(pod)["linkinfo"]["info_data"]["mode"] for pod in trio]
        assert modes == [mode] * 3

    def found() -> dict[str, tuple[bool, bool]]:
        with ThreadPoolExecutor(2 * len(MODES)) as together:
            near = {m: together.submit(reaches, trio[0], trio[1]) for m, trio in trios.items()}
            far = {m: together.submit(reaches, trio[0], trio[2]) for m, trio in trios.items()}
            return {mode: (near[mode].result(), far[mode].result()) for mode in MODES}

    assert found() == {"bridge": (True, True), "private": (False, True), "vepa": (False, True)}
    # Now a switch that sends back.
    port = ("ip", "link", "set", "1-eth1", "type", "bridge_slave", "hairpin")
    stack.lan.space.check(*port, "on")
    for pod in (pod for trio in trios.values() for pod in trio):
        pod.run("ip", "neighbour", "flush", "all")
    assert found() == {"bridge": (True, True), "private": (False, True), "vepa": (True, True)}
    stack.lan.space.check(*port, "off")


def test_passthru_gives_a_pod_the_master_alone(nodes: list[Node]) -> None:
    pod = started(nodes[0], "alone")
    found = kernel.link(pod)
    assert found["linkinfo"]["info_data"]["mode"] == "passthru"
    assert found["address"] == kernel.node_link(nodes[0], "eth2")["address"]
    with pytest.raises(CniError, match="failed to create macvlan: invalid argument"):
        started(nodes[0], "alone")
    # The control: on another node, and here when the first is gone.
    assert "net1" in started(nodes[1], "alone").links()
    pod.stop()
    assert "net1" in started(nodes[0], "alone").links()


@pytest.mark.parametrize("way", DEVICES)
def test_a_device_is_the_pods_while_it_lives(way: str, nodes: list[Node]) -> None:
    node, card = nodes[0], f"card-by-{way}"
    if "nic0" not in node.links():
        pair = ("address", DEVICES["hwaddr"], "type", "veth", "peer", "name", "far0")
        node.space.check("ip", "link", "add", "nic0", *pair)
        node.space.check("ip", "link", "set", "far0", "up")
        # What sysfs says of a network card, which a cable is not.
        folder = Path(DEVICES["kernelpath"])
        node.space.check("mount", "-t", "tmpfs", "cards", str(folder.parent))
        node.space.path(f"{folder}/net/nic0").mkdir(parents=True)
    before = kernel.node_link(node, "nic0")
    pod = started(node, card, interface="fast0", mac="02:00:00:00:00:2a")
    assert set(pod.links()) == {"lo", "eth0", "fast0"}
    assert "nic0" not in node.links()
    assert pod.addresses("fast0") == [ip_interface("192.168.64.5/24")]
    inside = kernel.link(pod, "fast0")
    assert {"UP", "PROMISC", "ALLMULTI"} <= {*inside["flags"]}
    assert (inside["mtu"], inside["txqlen"]) == (1400, 77)
    assert inside["address"] == pod.status()[1]["mac"] == "02:00:00:00:00:2a"
    with pytest.raises(CniError, match="failed to find host device"):
        started(node, card)
    assert "fast0" in pod.links()  # nothing was taken from the one that has it
    pod.stop()
    after = kernel.node_link(node, "nic0")
    for key in ("address", "mtu", "txqlen", "promiscuity", "allmulti", "ifalias"):
        assert after.get(key) == before.get(key), key
    assert "net1" in started(node, card).links()


def test_tuning_sets_what_the_network_says(nodes: list[Node]) -> None:
    pod, plain = (started(nodes[0], name) for name in ("tuned", "plain"))
    inside, control = kernel.link(pod), kernel.link(plain)
    assert {"PROMISC", "ALLMULTI"} <= {*inside["flags"]}
    assert not {"PROMISC", "ALLMULTI"} & {*control["flags"]}
    assert (inside["txqlen"], control["txqlen"]) == (77, 1000)
    for key, value in SETTINGS.items():
        here = key.replace("IFNAME", "net1").replace("/", ".")
        assert kernel.setting(pod, here) == value
        assert kernel.setting(plain, here) != value
    # IFNAME is the pod's interface: no other one has it.
    assert kernel.setting(pod, "net.ipv4.conf.eth0.arp_filter") == "0"


def test_with_sbr_answers_leave_by_the_interface_that_was_asked(
    stack: Deployed, nodes: list[Node]
) -> None:
    """Hosts behind the router of the wire connect to the pod: without sbr they hear nothing."""
    wire = stack.lan.space
    for number in (66, 67):
        wire.check("ip", "address", "add", f"192.168.{number}.1/24", "dev", "eth1")
        wire.check("ip", "address", "add", f"fd00:{number}::1/64", "dev", "eth1", "nodad")
    for host in FAR:
        wire.check("ip", "address", "add", host, "dev", "lo")
    pod, plain = (started(nodes[0], name) for name in ("answers", "plain"))
    own = [str(address.ip) for address in pod.addresses()]
    tables = kernel.rules(pod)
    assert {*tables} == {*own}
    assert len({*tables.values()}) == 2
    routers = ("192.168.67.1", "fd00:67::1")
    for host, address, router in zip(FAR, own, routers, strict=True):
        assert kernel.way(pod, host, address) == ("net1", router)
        assert _answers(pod, address, wire.network, host)
    # The control arm.
    other = str(plain.addresses()[0].ip)
    assert kernel.rules(plain) == {}
    assert kernel.way(plain, FAR[0], other)[0] == "eth0"
    assert not _answers(plain, other, wire.network, FAR[0])


def _answers(pod: Pod, address: str, network: Any, host: str) -> bool:
    """Whether a host in that network gets through to the pod."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def connect() -> socket.socket:
        sender = socket.socket(family, socket.SOCK_STREAM)
        sender.settimeout(2)
        sender.bind((host, 0))
        sender.connect((address, port))
        return sender

    with pod.within(lambda: socket.create_server((address, 0), family=family)) as listener:
        port = listener.getsockname()[1]
        try:
            within(network, connect).close()
        except OSError:
            return False
        return True


def test_bandwidth_limits_both_ways_of_the_cable(nodes: list[Node]) -> None:
    node = nodes[0]
    free = started(node, "free")
    assert "tbf" not in kernel.queues(node, kernel.cable(free, node))
    before = node.links()
    pod = started(node, "limited")
    end = kernel.cable(pod, node)
    (shaper,) = (name for name in node.links() - before if name.startswith("bwp"))
    assert "ingress" in kernel.queues(node, end)
    for way, interface in (("ingress", end), ("egress", shaper)):
        limit = kernel.queues(node, interface)["tbf"]
        assert limit["rate"] * 8 == LIMITS[f"{way}Rate"]
        assert limit["burst"] * 8 == LIMITS[f"{way}Burst"]
    assert kernel.node_link(node, shaper)["linkinfo"]["info_kind"] == "ifb"
    pod.stop()
    assert node.links() == before


def test_a_raw_network_runs_as_it_is_written(stack: Deployed, nodes: list[Node]) -> None:
    config = live.networks(stack.cluster)["default/written"]
    assert config == {**WRITTEN, "name": "default.written"}
    pod = started(nodes[0], "written")
    assert pod.addresses() == [ip_interface("10.88.0.5/24")]
    assert pod.links()["net1"]["mtu"] == 1234
    assert kernel.setting(pod, "net.ipv4.conf.net1.arp_ignore") == "2"
    assert (
        kernel.node_link(nodes[0], kernel.cable(pod, nodes[0]))["linkinfo"]["info_kind"] == "veth"
    )


@pytest.mark.parametrize("name", ["plain", "written"])
def test_labels_and_annotations_are_the_objects(name: str, stack: Deployed) -> None:
    kind = "network-attachment-definitions.k8s.cni.cncf.io"
    meta = stack.cluster.kubectl_json("get", kind, name)["metadata"]
    assert MARKED["labels"].items() <= meta["labels"].items()
    assert MARKED["annotations"].items() <= meta["annotations"].items()
    found = stack.cluster.kubectl("get", kind, "-A", "-l", "team=storage", "-o", "name").split()
    assert len(found) == 2


def test_a_bridge_keeps_a_vlan_or_says_that_it_cannot(nodes: list[Node]) -> None:
    """Where the kernel has no VLAN filtering the pod must not start on a bridge without it."""
    node = nodes[0]
    new = ("ip", "link", "add", "name", "probe0", "type", "bridge", "vlan_filtering", "1")
    if node.space.run(*new).returncode != 0:
        with pytest.raises(CniError, match='could not add "br-vlan": operation not supported'):
            started(node, "tagged")
        assert "br-vlan" not in node.links()
        return
    node.space.check("ip", "link", "delete", "probe0")
    pod, other = (started(node, "tagged") for _ in range(2))
    for end in (kernel.cable(pod, node), kernel.cable(other, node)):
        (port,) = json.loads(node.space.check("bridge", "-json", "vlan", "show", "dev", end))
        (vlan,) = port["vlans"]
        assert (vlan["vlan"], {*vlan["flags"]}) == (5, {"PVID", "Egress Untagged"})
    assert reaches(pod, other)
