"""A stack that is deployed, and the nodes on which what it deployed runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from testbed.cluster import Cluster
from testbed.engine import Engine
from testbed.node.attached import Pod
from testbed.node.node import Node, remove_pods
from testbed.node.runtime import CniError
from testbed.node.wire import Wires
from testbed.results import Result
from testbed.tools import Tools

STACK = "wire"
K3S = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
TIMEOUT_SECONDS = 60


@contextmanager
def two_nodes(cluster: Cluster, tools: Tools) -> Iterator[list[Node]]:
    """Two nodes on common wires, that run what is deployed, for the length of a block."""
    with ExitStack() as held:
        wires = held.enter_context(Wires())
        names = [item["metadata"]["name"] for item in cluster.items("nodes")]
        nodes = [held.enter_context(Node(cluster, tools, wires, name)) for name in names]
        for node in nodes:
            node.deploy()
        yield [node.await_ready() for node in nodes]


class Deployed:
    """One stack, its outputs, and its nodes."""

    def __init__(self, engine: Engine, cluster: Cluster, settings: Mapping[str, Any]) -> None:
        self.cluster = cluster
        self.tools = engine.tools
        self.checkout = engine.workspace(env={"KUBECONFIG": str(cluster.kubeconfig)})
        base = {"cluster": K3S, "timeout": TIMEOUT_SECONDS}
        self.checkout.configure(STACK, {**base, **settings})
        self.outputs: Mapping[str, Any] = {}
        self.wires: Wires | None = None
        self.nodes: list[Node] = []

    def up(self, **changed: Any) -> Result:
        """Deploys it, with some settings changed."""
        self.checkout.configure(STACK, changed)
        result = self.checkout.up(STACK).check()
        self.outputs = result.outputs
        return result

    def start_nodes(self, **options: Any) -> list[Node]:
        """Two nodes on common wires that run what was deployed; those of before are gone."""
        self.stop_nodes()
        self.wires = Wires()
        names = [item["metadata"]["name"] for item in self.cluster.items("nodes")]
        for name in names:
            self.nodes.append(Node(self.cluster, self.tools, self.wires, name, **options))
        for node in self.nodes:
            node.deploy()
        return [node.await_ready() for node in self.nodes]

    def living_nodes(self) -> list[Node]:
        """The nodes, as they are or anew if one of them is gone."""
        if len(self.nodes) == 2 and all(node.alive for node in self.nodes):
            return self.nodes
        return self.start_nodes()

    def stop_pods(self) -> None:
        for node in self.nodes:
            if node.alive:
                node.stop_pods()

    def annotation(self, network: str) -> str:
        """What the stack's outputs tell a pod to ask for."""
        asked: str = self.outputs["networks"][network]["annotation"]["k8s.v1.cni.cncf.io/networks"]
        return asked

    def pod(self, node: Node, network: str, namespace: str = "default") -> Pod:
        """A started pod with that network of the stack as net1."""
        pod = node.pod(namespace, networks=self.annotation(network))
        pod.start()
        return pod

    def start_all(self, pods: Sequence[Pod]) -> list[CniError]:
        """Starts pods at the same time, as kubelets do; all that any was refused with before."""
        with ThreadPoolExecutor(len(pods)) as together:
            return [
                error for errors in together.map(Pod.start_as_kubelet, pods) for error in errors
            ]

    def stop_nodes(self) -> None:
        for node in self.nodes:
            node.close()
        self.nodes.clear()
        if self.wires is not None:
            self.wires.close()
            self.wires = None

    def close(self) -> None:
        """Ends the nodes and their pods. The cluster's leftovers hold the rest."""
        self.stop_nodes()
        remove_pods(self.cluster)
