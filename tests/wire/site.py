"""A stack that is deployed on two real nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from testbed.cluster import Cluster
from testbed.engine import Engine
from testbed.machines.images import of_chart
from testbed.machines.layout import Layout
from testbed.machines.node import Node, started
from testbed.machines.pod import Pod
from testbed.results import Result

STACK = "wire"
K3S = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
TIMEOUT_SECONDS = 60


class Site:
    """One stack, its outputs, and the nodes on which what it deploys runs."""

    def __init__(self, engine: Engine, cluster: Cluster, chart: Mapping[str, str]) -> None:
        self.cluster = cluster
        self.tools = engine.tools
        self.chart = chart
        self.checkout = engine.workspace(env={"KUBECONFIG": str(cluster.kubeconfig)})
        self.outputs: Mapping[str, Any] = {}
        self.nodes: list[Node] = []
        self._held = ExitStack()

    def start(self, layout: Callable[[], Layout] = Layout.k3s) -> Sequence[Node]:
        """Fresh nodes; those of before lose their power."""
        self.stop()
        images = of_chart(self.chart["version"])
        self.nodes = self._held.enter_context(
            started(self.cluster, self.tools, images=images, layout=layout)
        )
        return self.nodes

    def stop(self) -> None:
        """The nodes go, and with them their objects and pods."""
        names = [node.name for node in self.nodes]
        self._held.close()
        self.nodes = []
        if names:
            self.cluster.remove_nodes(*names)

    def up(self, **settings: Any) -> Result:
        """Deploys the stack, with some settings changed; returns when all of it runs."""
        base = {"cluster": K3S, "timeout": TIMEOUT_SECONDS, "chart": self.chart}
        self.checkout.configure(STACK, (base if not self.outputs else {}) | settings)
        result = self.checkout.up(STACK).check()
        self.outputs = result.outputs
        return result

    def annotation(self, network: str) -> str:
        """What the stack's outputs tell a pod to ask for."""
        asked: str = self.outputs["networks"][network]["annotation"]["k8s.v1.cni.cncf.io/networks"]
        return asked

    def pod(self, node: Node, network: str, namespace: str = "default") -> Pod:
        """A started pod with that network of the stack as net1."""
        pod = node.pod(namespace, networks=self.annotation(network))
        pod.start()
        return pod
