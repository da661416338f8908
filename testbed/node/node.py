"""A node: a machine with K3s's directories, on the wires, with what the chart puts on it.

with Wires() as wires, Node(cluster, tools, wires, name) as node:
    node.deploy()
    pod = node.pod("default", annotations={...})
"""

from __future__ import annotations

import itertools
import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from testbed.cluster import Cluster
from testbed.kubectl import ClusterError
from testbed.node import forwarder
from testbed.node.attached import Interface, Pod, global_addresses
from testbed.node.k3s import DATA, K3s
from testbed.node.namespaces import Space
from testbed.node.pods import API, Workload, workload
from testbed.node.runtime import Runtime
from testbed.node.wire import Wires
from testbed.tools import Tools

NAMESPACE: Final = "kube-system"
SCRIPTS: Final = Path(__file__).with_name("images")
# By dependency: the DHCP daemon's program is one that Multus's init container brings.
ORDER: Final = ("multus", "whereabouts", "multus-dhcp")
PODS: Final = "multus-testbed/on-the-wire"  # label of the pods that are made here
AT_ONCE: Final = 8  # pods that end together: more only wait for each other
_numbers = itertools.count(1)


def images(tools: Tools) -> dict[str, Path]:
    """The directories that hold the images' programs."""
    return {
        "multus": tools.path("multus").parent,
        "whereabouts": tools.path("whereabouts").parent,
        "cni-plugins": tools.path("macvlan").parent,
        "scripts": SCRIPTS,
    }


class Node:
    """One node of the cluster, named as its Node object."""

    def __init__(
        self,
        cluster: Cluster,
        tools: Tools,
        wires: Wires,
        name: str,
        *,
        data: str = DATA,
        moved: bool = True,
        flannel: bool = True,
    ) -> None:
        self.cluster = cluster
        self.name = name
        self.made: list[Pod] = []
        self.workloads: dict[str, Workload] = {}
        self._forwarder: subprocess.Popen[bytes] | None = None
        self.space = Space(name, images(tools))
        try:
            wires.connect(self.space)
            self.k3s = K3s(self.space, next(_numbers) % 250, data, moved, flannel=flannel)
            self.k3s.install()
            port = int(cluster.server.rpartition(":")[2])
            self._forwarder = forwarder.start(self.space.network, API[1], port)
        except BaseException:
            self.close()
            raise

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.space, self.k3s.conf_dir, self.k3s.bin_dir)

    def deploy(self, *names: str) -> None:
        """Runs what the live DaemonSets ask for, all of them or some."""
        live = {item["metadata"]["name"]: item for item in self.cluster.items(*_DAEMON_SETS)}
        unknown = live.keys() - set(ORDER)
        assert not unknown, f"DaemonSets that no node runs here: {unknown}"
        for name in ORDER:
            if name in live and (not names or name in names):
                self.workloads[name] = workload(self.cluster, self.space, self.name, live[name])
                self.workloads[name].start()

    def run(self, deployment: str) -> Workload:
        """Runs the one pod of a live Deployment here."""
        found = self.cluster.kubectl_json("get", "deployment", "-n", NAMESPACE, deployment)
        made = workload(self.cluster, self.space, self.name, found)
        made.start()
        return made

    def await_ready(self, timeout: float = 20.0) -> Self:
        """Returns when all that was deployed has left its files where K3s looks.

        ClusterError otherwise, with what the workloads said.
        """
        try:
            self.cluster.wait_for(lambda: not self.missing(), "the node's files", timeout)
        except ClusterError as error:
            logs = "\n".join(f"{name}: {one.log}" for name, one in self.workloads.items())
            raise ClusterError(f"{self.name} lacks {self.missing()}: {logs}") from error
        return self

    def missing(self) -> list[str]:
        """What the deployed workloads should have left on the node and have not."""
        conf = self.k3s.conf_dir
        expected = {
            "multus": [f"{conf}/00-multus.conflist", f"{self.k3s.bin_dir}/multus"],
            "whereabouts": [f"{self.k3s.bin_dir}/whereabouts"],  # what the installer does last
            "multus-dhcp": ["/run/cni/dhcp.sock"],
        }
        wanted = [path for name in self.workloads for path in expected[name]]
        return [path for path in wanted if not self.space.path(path).exists()]

    def links(self) -> set[str]:
        """Names of the node's own interfaces."""
        return {link["ifname"] for link in self._ip("link", "show")}

    def addresses(self, interface: str) -> list[Interface]:
        """What the kernel holds for one of its interfaces, without link-local addresses."""
        (link,) = self._ip("address", "show", "dev", interface)
        return global_addresses(link)

    def _ip(self, *arguments: str) -> Any:
        return json.loads(self.space.check("ip", "-json", *arguments))

    def pod(
        self,
        namespace: str = "default",
        *,
        networks: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Pod:
        """A pod of this node, with the annotation that asks for networks."""
        (made,) = self.pods(1, namespace, networks=networks, labels=labels)
        return made

    def pods(
        self,
        count: int,
        namespace: str = "default",
        *,
        networks: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> list[Pod]:
        """Pods as the API server knows them; none has a network yet."""
        objects = [
            self._object(f"pod-{uuid.uuid4().hex[:10]}", namespace, networks, labels or {})
            for _ in range(count)
        ]
        made = [Pod(self.cluster, self.runtime, one) for one in self.cluster.create(*objects)]
        self.made += made
        return made

    def stop_pods(self) -> None:
        """Ends every pod that was started here, and takes the objects away."""
        started = [pod for pod in self.made if pod.result is not None]
        if started:
            with ThreadPoolExecutor(AT_ONCE) as together:
                list(together.map(Pod.stop, started))
        for namespace in {pod.namespace for pod in self.made}:
            names = [pod.name for pod in self.made if pod.namespace == namespace]
            how = ("--force", "--grace-period=0", "--ignore-not-found")
            self.cluster.kubectl("delete", "pod", "-n", namespace, *names, *how)
        self.made.clear()

    @property
    def alive(self) -> bool:
        return self.space.alive

    def _object(
        self, name: str, namespace: str, networks: str, labels: Mapping[str, str]
    ) -> dict[str, Any]:
        wanted = {"k8s.v1.cni.cncf.io/networks": networks} if networks else {}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {PODS: "true", **labels},
                "annotations": wanted,
            },
            "spec": {
                "nodeName": self.name,
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": "main"}],
            },
        }

    def close(self) -> None:
        """The machine loses its power: nothing is asked to end first."""
        if self._forwarder is not None:
            forwarder.stop(self._forwarder)
        self.space.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def remove_pods(cluster: Cluster) -> None:
    """Takes away the objects of all pods that nodes have made."""
    chosen = ("-A", f"--selector={PODS}", "--ignore-not-found")
    cluster.kubectl("delete", "pods", *chosen, "--force", "--grace-period=0")


_DAEMON_SETS: Sequence[str] = ("daemonsets", "-n", NAMESPACE)
