"""What the kernel itself holds for a pod or a node, as iproute2 prints it."""

from __future__ import annotations

import json
from typing import Any

from testbed.node.node import Node
from testbed.node.pod import Pod

Json = dict[str, Any]


def link(pod: Pod, interface: str = "net1") -> Json:
    """One interface of a pod, with what its kind has."""
    return _one(pod.run("ip", "-details", "-json", "link", "show", "dev", interface))


def node_link(node: Node, interface: str) -> Json:
    return _one(node.space.check("ip", "-details", "-json", "link", "show", "dev", interface))


def _one(text: str) -> Json:
    (found,) = json.loads(text)
    assert isinstance(found, dict)
    return found


def cable(pod: Pod, node: Node) -> str:
    """The node's end of the cable that is the pod's net1."""
    index = link(pod)["link_index"]
    found = json.loads(node.space.check("ip", "-json", "link", "show"))
    (name,) = (one["ifname"] for one in found if one["ifindex"] == index)
    assert isinstance(name, str)
    return name


def queues(node: Node, interface: str) -> dict[str, Json]:
    """The queueing disciplines of a node's interface, by their kind."""
    found = json.loads(node.space.check("tc", "-json", "qdisc", "show", "dev", interface))
    return {one["kind"]: one["options"] for one in found}


def rules(pod: Pod) -> dict[str, str]:
    """Routing tables by the source address that they are for, without the kernel's own rules."""
    found = [
        *json.loads(pod.run("ip", "-json", "rule", "show")),
        *json.loads(pod.run("ip", "-6", "-json", "rule", "show")),
    ]
    return {one["src"]: one["table"] for one in found if one["src"] != "all"}


def way(pod: Pod, destination: str, source: str) -> tuple[str, str | None]:
    """Interface and next hop by which the kernel sends from an address to another."""
    text = pod.run("ip", "-json", "route", "get", destination, "from", source)
    found = _one(text)
    return found["dev"], found.get("gateway")


def setting(pod: Pod, key: str) -> str:
    """A kernel setting below net, as it is for the pod."""
    return pod.run("cat", f"/proc/sys/{key.replace('.', '/')}").strip()
