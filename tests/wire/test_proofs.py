"""What the linter's rules claim of the plugins, shown by the plugins and the kernel.

`proofs.yaml` has the cases: a network that a rule speaks of, and the same network mended, which is
the control. Each is given to the real plugins for a pod whose eth0 is as K3s makes it.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed.node.cni import Attachment, CniError, Result, Runtime
from testbed.node.entering import within
from testbed.node.namespaces import Space, obstacle
from testbed.tools import Tools

Json = dict[str, Any]
CASES: Final = yaml.safe_load(Path(__file__).with_name("proofs.yaml").read_text(encoding="utf-8"))
REFUSED: Final[list[Json]] = CASES["refused"]
EFFECTS: Final[list[Json]] = CASES["effects"]
PLUGINS: Final = "/images/cni-plugins"
# Two cables, eth1 with an altname and eth0 with the node's default route, and flannel's bridge.
NODE: Final = """
link add eth0 type veth peer name far0
link add eth1 address 02:00:00:00:00:e1 type veth peer name far1
link set far0 up
link set far1 up
link set eth0 up
link set eth1 up
link property add dev eth1 altname enp0s20f0u4u1u3c2
address add 198.18.0.2/24 dev eth0
route add default via 198.18.0.1
link add cni0 type bridge
address add 10.42.0.1/24 dev cni0
link set cni0 up
"""
NODES_END: Final = """
link add cable{0} type veth peer name eth0 netns pod{0}
link set cable{0} master cni0 up
"""
ETH0: Final = """
link set lo up
address add 10.42.0.{0}/24 dev eth0
link set eth0 up
route add default via 10.42.0.1
route add 10.42.0.0/16 via 10.42.0.1
"""


@dataclass
class Pod:
    """A pod's network namespace, with what the last plugin answered for net1."""

    node: Node
    name: str
    result: Result

    def ip(self, *arguments: str) -> Any:
        return json.loads(self.node.space.check("ip", "-n", self.name, "-json", *arguments))

    @property
    def address(self) -> str:
        """The first address that the network gave it."""
        address: str = self.result["ips"][0]["address"].partition("/")[0]
        return address

    def reaches(self, other: Pod) -> bool:
        """Whether a connection to the other pod's address gets there."""
        network, there = (one.node.space.path(f"/run/netns/{one.name}") for one in (self, other))
        where = (other.address, 0)
        with within(there, lambda: socket.create_server(where)) as listener:
            listener.settimeout(1.5)
            port = listener.getsockname()[1]
            try:
                within(
                    network, lambda: socket.create_connection((other.address, port), timeout=1.5)
                ).close()
                listener.accept()[0].close()
            except OSError:
                return False
        return True


@dataclass
class Node:
    """A machine with the plugins and without a cluster."""

    space: Space
    pods: list[Pod] = field(default_factory=list)

    def batch(self, commands: str, *where: str) -> None:
        done = self.space.run("ip", *where, "-batch", "-", input=commands.strip() + "\n")
        assert done.returncode == 0, done.stderr

    def attach(self, network: Json) -> Pod:
        """A new pod with eth0, and net1 of the network; CniError if a plugin refuses."""
        number = 5 + len(self.pods)
        pod = Pod(self, f"pod{number}", {})
        self.pods.append(pod)
        netns = f"/run/netns/{pod.name}"
        self.space.path(netns).touch()
        self.space.check("unshare", f"--net={netns}", "true")
        self.batch(NODES_END.format(number))
        self.batch(ETH0.format(number), "-n", pod.name)
        given = {"type": "macvlan", "master": "eth1", "name": "lan", **network}
        named = {"cniVersion": "1.0.0", **given}
        attachment = Attachment(pod.name * 12, netns, "net1")
        runtime = Runtime(self.space, PLUGINS)
        for plugin in ({k: v for k, v in given.items() if k != "then"}, *network.get("then", ())):
            pod.result = runtime.call("ADD", named, plugin, attachment, pod.result or None)
        return pod


@contextlib.contextmanager
def machine(tools: Tools) -> Iterator[Node]:
    with Space("proofs", {"cni-plugins": tools.path("macvlan").parent}) as space:
        node = Node(space)
        node.batch(NODE)
        yield node


@pytest.fixture
def tools(wire_tools: Tools) -> Tools:
    if (reason := obstacle()) is not None:
        pytest.skip(f"a node needs root and namespaces: {reason}")
    return wire_tools


# The questions of `effects`, by their names there.


def way(pod: Pod, *where: str) -> str:
    """The interface by which the pod sends to an address."""
    interface: str = pod.ip("route", "get", *where)[0]["dev"]
    return interface


def source(pod: Pod, destination: str) -> str:
    """The address with which it sends."""
    address: str = pod.ip("route", "get", destination)[0]["prefsrc"]
    return address


def leads(pod: Pod) -> str:
    """The interface by which it sends to what the network's route is for."""
    return way(pod, str(ip_network(pod.result["routes"][0]["dst"])[1]))


def node_way(pod: Pod, destination: str = "") -> str | None:
    """The interface by which the node sends to an address, else to the pod's."""
    found = pod.node.space.run("ip", "-json", "route", "get", destination or pod.address)
    return json.loads(found.stdout)[0]["dev"] if found.returncode == 0 else None


def hears(pod: Pod) -> bool:
    """Whether the pod before it, on the same wire, gets through to it."""
    return pod.node.pods[-2].reaches(pod)


def given(pod: Pod) -> list[str]:
    """The addresses that its IPAM plugin gave it."""
    return [one["address"] for one in pod.result["ips"]]


def net1(pod: Pod, key: str) -> Any:
    """What the kernel holds for its interface."""
    return pod.ip("address", "show", "dev", "net1")[0][key]


def addresses(pod: Pod) -> list[str]:
    """Its addresses on net1, without the link-local ones."""
    return [one["local"] for one in net1(pod, "addr_info") if one["scope"] == "global"]


def parent(pod: Pod) -> str:
    """The node's interface that its macvlan is on."""
    links = json.loads(pod.node.space.check("ip", "-json", "link", "show"))
    names = {one["ifindex"]: one["ifname"] for one in links}
    name: str = names[net1(pod, "link_index")]
    return name


QUESTIONS: Final[dict[str, Callable[..., Any]]] = {
    one.__name__: one
    for one in (way, source, leads, node_way, hears, given, net1, addresses, parent)
}


def named(cases: list[Json]) -> list[Any]:
    """The cases with names that say the rule, and what is seen."""
    shown = [one.get("says") or f"{one['ask']}-{one['seen']}" for one in cases]
    return [
        pytest.param(one, id=f"{one['rule']}-{text}".replace(" ", "-"))
        for one, text in zip(cases, shown, strict=True)
    ]


def arm(node: Node, case: Json, which: str) -> Pod:
    for network in case.get("before", ()):
        node.attach(network)
    return node.attach(case[which])


@pytest.mark.parametrize("case", named(REFUSED))
def test_the_plugin_refuses_it_and_takes_the_mended_one(case: Json, tools: Tools) -> None:
    with machine(tools) as node, pytest.raises(CniError, match=case["says"]):
        arm(node, case, "wrong")
    with machine(tools) as node:
        assert arm(node, case, "right").result["interfaces"]


@pytest.mark.parametrize("case", named(EFFECTS))
def test_the_pod_starts_and_differs_from_the_mended_one(case: Json, tools: Tools) -> None:
    name, *arguments = case["ask"].split()
    answers = {}
    for which in ("wrong", "right"):
        with machine(tools) as node:
            answers[which] = QUESTIONS[name](arm(node, case, which), *arguments)
    assert answers == {"wrong": case["seen"], "right": case["mended"]}


@pytest.mark.parametrize(("second", "twice"), [("10.9.0.0/24", True), ("10.9.0.128/25", False)])
def test_host_local_counts_on_each_node_by_itself(second: str, twice: bool, tools: Tools) -> None:  # noqa: FBT001
    """host-local-on-several-nodes: the control is a part of the range for each node."""
    with machine(tools) as one, machine(tools) as other:
        here = one.attach({"ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}})
        there = other.attach({"ipam": {"type": "host-local", "subnet": second}})
    assert (here.address == there.address) == twice


def test_the_cases_are_of_rules_that_there_are() -> None:
    from components.rules import catalog  # noqa: PLC0415  the plugins are shown without it

    assert {case["rule"] for case in REFUSED + EFFECTS} <= {*catalog(), "shape"}
