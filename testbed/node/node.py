"""A real node: a machine that runs what a K3s agent runs, with the control plane's kubelet on it.

with Cluster.start(tools, real=True) as cluster:
    with started(cluster, tools, images=[...]) as nodes:
        pod = nodes[0].pod(networks="default/lan")
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from testbed.cluster import Cluster
from testbed.kubectl import ClusterError, condition
from testbed.node import cgroups, namespaces, services
from testbed.node.cni import Attachment, Runtime
from testbed.node.images import PAUSE, POD, archive
from testbed.node.lan import Lan
from testbed.node.layout import OWN, SUBNET, Layout
from testbed.node.namespaces import Space
from testbed.node.pod import Interface, Pod, global_addresses
from testbed.processes import program
from testbed.tools import Tools

PROGRAMS: Final = (
    *("containerd", "containerd-shim-runc-v2", "ctr", "kubelet", "kube-proxy", "flanneld"),
    *OWN,
    "nodeslicecontroller",  # which no chart that works on K3s brings
)
# With a package of the system each: runc needs libseccomp in any case.
SYSTEM: Final = "kube-system"
CACHE: Final = "/var/lib/cni/results"  # of libcni
NEEDED: Final = ("iptables", "busybox", "runc")
# What else the kernel must have, and how that is tried in namespaces that end at once.
KERNEL: Final = {
    "VXLAN": "ip link add vxlan9 type vxlan id 9 dstport 8472",
    "overlayfs": "mount -t tmpfs none /mnt; cd /mnt; mkdir a b c d; "
    "mount -t overlay -o lowerdir=a,upperdir=b,workdir=c none d",
}
DISKS: Final = ("/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods")
READY: Final = 60.0  # seconds; three are usual


def obstacle() -> str | None:
    """Why no real node can be had here, None if one can."""
    if missing := namespaces.obstacle(*NEEDED):
        return f"{missing} (apt-get install iptables busybox-static runc)"
    if missing := cgroups.obstacle():
        return missing
    enter = (program("unshare"), "--net", "--mount", "--propagation", "private", "sh", "-euc")
    for what, attempt in KERNEL.items():
        if subprocess.run([*enter, attempt], capture_output=True, check=False).returncode != 0:
            return f"the kernel has no {what}"
    return None


class Node:
    """One node of the cluster, named as its Node object, with an address on the LAN."""

    def __init__(
        self, cluster: Cluster, tools: Tools, lan: Lan, name: str, number: int, layout: Layout
    ) -> None:
        self.cluster = cluster
        self.name = name
        self.layout = layout
        self.address = lan.address(number).ip
        self.made: list[Pod] = []
        self.lan = lan
        self._number = number
        self._programs = {one: tools.path(one) for one in PROGRAMS}
        self._disk = cluster.plane.directory / "disks" / name
        self.space = self._power_on()

    def _power_on(self) -> Space:
        disks = {place: self._disk / place.replace("/", "-") for place in DISKS}
        for folder in disks.values():
            folder.mkdir(parents=True, exist_ok=True)
        space = Space(self.name, programs=self._programs, disks=disks, grouped=True)
        try:
            self.lan.connect(space, self._number)
            self.layout.install(space, f"10.42.{self._number + 200}.0/24")
            text = self.cluster.kubeconfig.read_text(encoding="utf-8")
            near = f"https://{self.lan.server_address}"
            configuration = {
                **services.files(self.layout, self.name),
                services.KUBECONFIG: text.replace(self.cluster.server, near),
            }
            for place, content in configuration.items():
                space.path(place).write_text(content, encoding="utf-8")
        except BaseException:
            space.close()
            raise
        return space

    def load(self, file: Path) -> None:
        """Starts containerd and gives it images."""
        self.start_containerd()
        with file.open("rb") as archive:
            answer = self.space.run(
                *services.CTR, "images", "import", "--local", "-", stdin=archive, timeout=120
            )
        if answer.returncode != 0:
            raise ClusterError(f"{self.name} does not take the images: {answer.stderr.strip()}")

    def ctr(self, *arguments: str) -> Any:
        return self.space.run(*services.CTR, *arguments)

    def start_containerd(self) -> None:
        self.space.daemon("containerd", *services.CONTAINERD)
        self.cluster.wait_for(
            lambda: self.ctr("version").returncode == 0, f"containerd on {self.name}", every=0.05
        )

    def start_kubelet(self) -> None:
        self.space.daemon("kubelet", *services.kubelet(self.name, self.address, self.layout.labels))

    def stop_kubelet(self) -> None:
        """Pods go on; nothing starts or ends one."""
        self.space.end("kubelet")

    def join(self) -> None:
        """Starts what makes the machine a node; returns when it is Ready."""
        self.start_kubelet()
        self._await(lambda node: bool(node["spec"].get("podCIDR")), "get its podCIDR")
        if self.layout.flannel:
            self.start_flannel()
            subnet = self.space.path(SUBNET)
            self.cluster.wait_for(subnet.exists, f"flannel's subnet on {self.name}", every=0.05)
        self.start_proxy()
        self._await(lambda node: condition(node, "Ready") == "True", "be Ready")

    def restart(self, name: str) -> None:
        """Ends one of its programs, and starts it again."""
        starts = {
            "containerd": self.start_containerd,
            "kubelet": self.start_kubelet,
            "flanneld": self.start_flannel,
            "kube-proxy": self.start_proxy,
        }
        self.space.end(name)
        starts[name]()

    def start_proxy(self) -> None:
        self.space.daemon("kube-proxy", *services.KUBE_PROXY)

    def start_flannel(self) -> None:
        self.space.daemon("flanneld", *services.FLANNEL, env={"NODE_NAME": self.name})

    def _await(self, done: Callable[[Mapping[str, Any]], bool], what: str) -> None:
        def asked() -> bool:
            answer = self.cluster.try_kubectl("get", "node", self.name, "-o", "json")
            return answer.returncode == 0 and done(json.loads(answer.stdout))

        try:
            self.cluster.wait_for(asked, f"{self.name} to {what}", READY)
        except ClusterError as error:
            logs = [self.space.path(f"/var/log/{one}") for one in ("kubelet", "containerd")]
            said = "\n".join(line for log in logs for line in tail(log))
            raise ClusterError(f"{error}:\n{said}") from error

    @property
    def subnet(self) -> IPv4Network:
        """Of its pods' eth0."""
        return IPv4Network(self.cluster.kubectl_json("get", "node", self.name)["spec"]["podCIDR"])

    def upgrade(self, layout: Layout) -> None:
        """Another release takes over under running pods. What others wrote stays."""
        self.stop_kubelet()
        self.space.end("containerd")
        self.layout = layout
        layout.install(self.space, "")
        for place, content in services.files(layout, self.name).items():
            self.space.path(place).write_text(content, encoding="utf-8")
        self.start_containerd()
        self.start_kubelet()

    def processes_of(self, pod: Mapping[str, Any]) -> list[int]:
        """Of the one container of a pod on this node, as this machine counts, the first first."""
        (state,) = pod["status"]["containerStatuses"]
        return self.space.groups.processes(f"k8s.io/{state['containerID'].rpartition('/')[2]}")

    def restarts(self, daemonset: str) -> int:
        """How often its container was started anew, if it runs; -1 otherwise."""
        (state,) = self.system_pod(daemonset)["status"]["containerStatuses"]
        return int(state["restartCount"]) if state["ready"] else -1

    def system_pod(self, daemonset: str) -> dict[str, Any]:
        """The pod of a DaemonSet that runs here."""
        chosen = f"--field-selector=spec.nodeName={self.name}"
        (found,) = (
            pod
            for pod in self.cluster.items("pods", "-n", SYSTEM, chosen)
            if pod["metadata"]["ownerReferences"][0]["name"] == daemonset
        )
        return found

    def log(self, daemonset: str) -> str:
        """What its pod on this node has said; nothing while no kubelet answers for it."""
        name = self.system_pod(daemonset)["metadata"]["name"]
        return self.cluster.try_kubectl("logs", "-n", SYSTEM, name).stdout

    def check(self, pod: str) -> None:
        """Calls CHECK for a pod's networks, from what libcni keeps of its ADD."""
        for file in self.space.path(CACHE).glob("*-eth0"):
            kept = json.loads(file.read_text(encoding="utf-8"))
            arguments = dict(kept["cniArgs"])
            if arguments["K8S_POD_NAME"] == pod:
                network = json.loads(base64.b64decode(kept["config"]))
                given = ";".join(f"{key}={value}" for key, value in arguments.items())
                attachment = Attachment(kept["containerId"], kept["netns"], arguments=given)
                runtime = Runtime(self.space, self.layout.bin_dir)
                for plugin in network["plugins"]:
                    runtime.call("CHECK", network, plugin, attachment, kept["result"])
                return
        raise LookupError(f"{self.name} has no pod {pod}")

    def namespaces(self) -> set[str]:
        """The network namespaces of its pods."""
        return {file.name for file in self.space.path("/run/netns").iterdir()}

    def links(self) -> set[str]:
        """Names of the node's own interfaces."""
        return {link["ifname"] for link in json.loads(self.space.check("ip", "-json", "link"))}

    def addresses(self, interface: str) -> list[Interface]:
        """What the kernel holds for one of its interfaces, without link-local addresses."""
        (link,) = json.loads(self.space.check("ip", "-json", "address", "show", "dev", interface))
        return global_addresses(link)

    def pod(
        self,
        namespace: str = "default",
        *,
        networks: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Pod:
        """A pod of this node, with the annotation that asks for networks; it is yet to start."""
        made = Pod(self, namespace, networks, labels)
        self.made.append(made)
        return made

    def power_on(self) -> None:
        """The machine comes back with its disks, and joins again."""
        self.space = self._power_on()
        self.start_containerd()
        self.join()

    def power_off(self) -> None:
        """The machine loses its power: nothing is asked to end first. Its disks stay."""
        self.space.close()


def tail(file: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return file.read_text(errors="replace").splitlines()[-15:]
    return []


@contextlib.contextmanager
def started(
    cluster: Cluster,
    tools: Tools,
    *,
    names: Sequence[str] = ("node-1", "node-2"),
    images: Iterable[str] = (),
    layout: Callable[[], Layout] = Layout.k3s,
    masters: Sequence[str] = ("eth1", "eth2"),
) -> Iterator[list[Node]]:
    """Nodes on a LAN, Ready, with these images; gone with the block."""
    cgroups.remove_stale()
    file = archive([PAUSE, POD, *images], tools)
    port = int(cluster.server.rpartition(":")[2])
    with contextlib.ExitStack() as held:
        lan = held.enter_context(Lan(port, cluster.plane.egress, masters))
        nodes: list[Node] = []
        for number, name in enumerate(names, 1):
            node = Node(cluster, tools, lan, name, number, layout())
            held.callback(node.power_off)
            nodes.append(node)
        with ThreadPoolExecutor(len(nodes)) as together:
            list(together.map(lambda node: node.load(file), nodes))
            list(together.map(Node.join, nodes))
        yield nodes
