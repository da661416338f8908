"""A stack that is deployed on two real nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from testbed.cluster import Cluster
from testbed.engine import Engine
from testbed.node.images import of_chart
from testbed.node.lan import Lan
from testbed.node.layout import Layout
from testbed.node.node import SYSTEM, Node, started
from testbed.node.pod import Pod, start_all, stop_all
from testbed.results import Result
from testbed.tools import ROOT, Tools
from tests.checkouts import with_examples

STACK = "wire"
MULTUS = ("-n", SYSTEM, "daemonset/multus")
K3S = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
TIMEOUT_SECONDS = 60
DOCTOR = (sys.executable, "-m", "components.cli", "doctor", "--json")
HOST_LOCAL: list[dict[str, Any]] = [
    {
        "name": "lan",
        "allow": ["host-local-on-several-nodes"],
        "type": "macvlan",
        "master": "eth1",
        "ipam": {"type": "host-local", "subnet": "192.168.10.0/24"},
    }
]
"""A network that needs no daemon, for tests of all else."""


class Site:
    """Real nodes of a cluster, two of them unless a test says otherwise, and fresh ones at will."""

    def __init__(self, cluster: Cluster, tools: Tools, images: Sequence[str]) -> None:
        self.cluster = cluster
        self.tools = tools
        self.images = images
        self.nodes: list[Node] = []
        self._held = ExitStack()

    @property
    def lan(self) -> Lan:
        return self.nodes[0].lan

    def start_nodes(
        self,
        layout: Callable[[], Layout] = Layout.k3s,
        *,
        names: Sequence[str] = ("node-1", "node-2"),
        settled: bool = True,
    ) -> list[Node]:
        """Fresh nodes, on which what is deployed runs; those of before lose their power.

        Not `settled`: what is deployed is for other nodes, and is about to change.
        """
        self.stop_nodes()
        self.nodes = self._held.enter_context(
            started(self.cluster, self.tools, names=names, images=self.images, layout=layout)
        )
        if settled:
            self.settle()
        return self.nodes

    def settle(self) -> None:
        """Returns when all DaemonSets run on all nodes."""

        def settled() -> bool:
            found = self.cluster.items("daemonsets", "-n", SYSTEM)
            counts = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady")
            return all(
                item["status"].get("observedGeneration") == item["metadata"]["generation"]
                and {item["status"].get(one, 0) for one in counts} == {len(self.nodes)}
                for item in found
            )

        self.cluster.wait_for(settled, "all DaemonSets to run on all nodes", 90)

    @contextmanager
    def without_multus(self) -> Iterator[None]:
        """Multus's pods end in order, and come back after the block."""

        def select(value: str | None) -> None:
            spec = {"template": {"spec": {"nodeSelector": {"nowhere": value}}}}
            patch = ("--type=merge", "--patch", json.dumps({"spec": spec}))
            self.cluster.kubectl("patch", *MULTUS, *patch)

        select("true")
        try:
            yield
        finally:
            select(None)
        self.settle()

    def living_nodes(self) -> list[Node]:
        """The nodes, as they are or anew if one of them is gone."""
        living = self.nodes and all(node.space.alive for node in self.nodes)
        return self.nodes if living else self.start_nodes()

    def stop_pods(self) -> None:
        running = [pod for node in self.nodes for pod in node.made if pod.started]
        if running:
            stop_all(running)
        for node in self.nodes:
            node.made.clear()

    def stop_nodes(self) -> None:
        """The nodes go, and with them their objects and pods."""
        names = [node.name for node in self.nodes]
        self._held.close()
        self.nodes = []
        if names:
            self.cluster.remove_nodes(*names)


class Deployed(Site):
    """One stack, its outputs, and its nodes."""

    def __init__(
        self,
        engine: Engine,
        cluster: Cluster,
        settings: Mapping[str, Any],
        versions: Sequence[str] = (),
    ) -> None:
        """The nodes have the images of the chart that is deployed, and of the `versions` named."""
        chart = [settings["chart"]["version"]] if settings["chart"] else []
        thick = bool(settings.get("thickPlugin"))
        images = {one for name in (*chart, *versions) for one in of_chart(name, thick=thick)}
        super().__init__(cluster, engine.tools, sorted(images))
        self.checkout = with_examples(engine.workspace(env={"KUBECONFIG": str(cluster.kubeconfig)}))
        self.outputs: Mapping[str, Any] = {}
        self.declare(settings)

    def declare(self, settings: Mapping[str, Any]) -> None:
        """Makes these all that the stack's file says."""
        self.checkout.write_stack(STACK, "")
        base = {"cluster": K3S, "timeout": TIMEOUT_SECONDS}
        self.checkout.configure(STACK, {**base, **settings})

    def up(self, **changed: Any) -> Result:
        """Deploys it, with some settings changed; returns when all of it runs on the nodes."""
        self.checkout.configure(STACK, changed)
        result = self.checkout.up(STACK).check()
        self.outputs = result.outputs
        return result

    def doctor(self) -> list[dict[str, str]]:
        """What `multus-k3s doctor --json` finds to be wrong."""
        path = f"{self.tools.path('kubectl').parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*DOCTOR, str(self.checkout.stack_file(STACK))],
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode < 2, done.stderr
        findings: list[dict[str, str]] = json.loads(done.stdout)["findings"]
        wrong = [one for one in findings if one["severity"] != "note"]
        assert done.returncode == bool(wrong)
        return wrong

    def annotation(self, network: str) -> str:
        """What the stack's outputs tell a pod to ask for."""
        asked: str = self.outputs["networks"][network]["annotation"]["k8s.v1.cni.cncf.io/networks"]
        return asked

    def pod(self, node: Node, network: str) -> Pod:
        """A started pod with that network of the stack as net1."""
        pod = node.pod(networks=self.annotation(network))
        pod.start()
        return pod

    def pods(self, nodes: Sequence[Node], network: str) -> list[Pod]:
        """Started pods, one on each of the nodes, which may be named more than once."""
        made = [node.pod(networks=self.annotation(network)) for node in nodes]
        start_all(made)
        return made
