"""A pod on a real node: an object in the API server, started by the kubelet, with its network.

What is asked of it is asked of the kernel: the interfaces and routes in its namespace, and sockets
opened there.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from testbed import objects
from testbed.kubectl import condition
from testbed.node.cni import CniError
from testbed.node.entering import within
from testbed.node.images import POD
from testbed.processes import program

if TYPE_CHECKING:
    from testbed.node.node import Node

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LABEL: Final = "multus-testbed/pod"  # of the pods that are made here
REACHED: Final = 5.0  # seconds for a packet to arrive, with those that ask for the way
EVERY: Final = 0.8  # seconds from one look for refusals to the next
PATIENCE: Final = 60.0  # seconds that a pod may take to start, and to end
STATUS: Final = "k8s.v1.cni.cncf.io/network-status"
NETWORKS: Final = "k8s.v1.cni.cncf.io/networks"
REFUSED: Final = "FailedCreatePodSandBox"
SPEC: Final = {
    "containers": [{"name": "main", "image": POD, "imagePullPolicy": "Never"}],
    "terminationGracePeriodSeconds": 5,
}
T = TypeVar("T")


class Pod:
    """One pod of a node."""

    def __init__(
        self, node: Node, namespace: str, networks: str, labels: Mapping[str, str] | None = None
    ) -> None:
        self.node = node
        self.cluster = node.cluster
        self.name = f"pod-{uuid.uuid4().hex[:10]}"
        self.namespace = namespace
        self.networks = networks
        self.labels = {LABEL: "true", **(labels or {})}
        self.started = False
        self._process = 0

    @property
    def manifest(self) -> dict[str, Any]:
        """As it is made: on this node, whatever the scheduler thinks of it."""
        spec = {**SPEC, "nodeName": self.node.name, "tolerations": [{"operator": "Exists"}]}
        notes = {NETWORKS: self.networks} if self.networks else {}
        return objects.pod(self.name, self.namespace, spec, labels=self.labels, annotations=notes)

    def start(self) -> None:
        """Returns when it runs. At the first refusal it is taken away: CniError with the event."""
        self.create()
        begun = asked = time.monotonic()
        while condition(found := self.found(), "Ready") != "True":
            now = time.monotonic()
            # Less often, because most pods start within a second, and each question is a process.
            refused: list[str] = []
            if now > asked + EVERY:
                refused, asked = self.events(REFUSED), now
            if refused or now > begun + PATIENCE:
                self.stop()
                raise CniError(refused[0] if refused else f"it does not run: {found['status']}")
            time.sleep(0.2)

    def create(self) -> None:
        """Makes the object, and waits for nothing."""
        self.cluster.create(self.manifest)
        self.made()

    def made(self) -> None:
        """It runs anew: its container is another."""
        self.started, self._process = True, 0

    def found(self) -> dict[str, Any]:
        """What the API server has of it."""
        answer: dict[str, Any] = self.cluster.kubectl_json(
            "get", "pod", "-n", self.namespace, self.name
        )
        return answer

    def events(self, reason: str) -> list[str]:
        """What events of that reason say of it."""
        chosen = f"--field-selector=involvedObject.name={self.name},reason={reason}"
        return [
            one["message"] for one in self.cluster.items("events", "-n", self.namespace, chosen)
        ]

    def stop(self) -> None:
        """The kubelet ends it; returns when it is gone, and DEL has run."""
        where = ("-n", self.namespace, "--ignore-not-found", f"--timeout={PATIENCE:g}s")
        self.cluster.kubectl("delete", "pod", self.name, *where, timeout=PATIENCE + 10)
        self.started = False

    def remove(self) -> None:
        """Takes the object away by force; what becomes of the rest is the node's affair."""
        where = ("-n", self.namespace, "--force", "--grace-period=0", "--ignore-not-found")
        self.cluster.kubectl("delete", "pod", self.name, *where)
        self.started = False

    @property
    def process(self) -> int:
        """Its container's first process, as this machine counts."""
        if not self._process:
            self._process = self.node.processes_of(self.found())[0]
        return self._process

    @property
    def network(self) -> Path:
        """Its network namespace, for `within`."""
        return Path(f"/proc/{self.process}/ns/net")

    def within(self, function: Callable[[], T]) -> T:
        """What a function returns that runs with the pod's network."""
        return within(self.network, function)

    def run(self, *command: str) -> str:
        """What a program of this machine prints that runs with the pod's network."""
        enter = (program("nsenter"), f"--net={self.network}", "--")
        return subprocess.run([*enter, *command], check=True, capture_output=True, text=True).stdout

    def reach(self, other: Pod, address: Address, interface: str = "net1") -> Address:
        """Sends a byte to an address of another pod, over one interface; whom it came from.

        OSError if nothing gets through.
        """
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        there = (str(address), 0)
        with other.within(lambda: socket.create_server(there, family=family)) as listener:
            listener.settimeout(REACHED)
            port = listener.getsockname()[1]

            def connect() -> socket.socket:
                sender = socket.socket(family, socket.SOCK_STREAM)
                sender.settimeout(REACHED)
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
                sender.connect((str(address), port))
                return sender

            with self.within(connect) as sender:
                sender.sendall(b"!")
                accepted, peer = listener.accept()
                with accepted:
                    accepted.settimeout(REACHED)
                    assert accepted.recv(1) == b"!"
        return ipaddress.ip_address(peer[0])

    def _ip(self, *arguments: str) -> Any:
        return json.loads(self.run("ip", "-json", *arguments))

    def links(self) -> dict[str, dict[str, Any]]:
        """Interfaces by name, as `ip` describes them with their addresses."""
        return {link["ifname"]: link for link in self._ip("address", "show")}

    def addresses(self, interface: str = "net1") -> list[Interface]:
        """The interface's addresses in the kernel, without the link-local ones."""
        return global_addresses(self.links()[interface])

    def routes(self, interface: str = "net1") -> dict[str, str | None]:
        """Gateways by destination, of the interface's routes that somebody asked for."""
        found = [
            *self._ip("route", "show", "dev", interface),
            *self._ip("-6", "route", "show", "dev", interface),
        ]
        return {
            route["dst"]: route.get("gateway")
            for route in found
            if route.get("protocol") != "kernel"
        }

    def default_routes(self) -> list[tuple[str, int]]:
        """Gateways of the IPv4 default routes with their metrics, in the kernel's order."""
        found = self._ip("route", "show", "default")
        return [(route["gateway"], route.get("metric", 0)) for route in found]

    def lose_addresses(self, interface: str = "net1") -> None:
        """Somebody in the pod takes the interface's addresses away."""
        self.run("ip", "address", "flush", "dev", interface)

    def check(self) -> None:
        """CHECK, as a container runtime may call it; CniError if a plugin finds a fault."""
        self.node.check(self.name)

    def status(self) -> list[dict[str, Any]]:
        """What Multus wrote to the pod's object."""
        text = self.found()["metadata"].get("annotations", {}).get(STATUS, "[]")
        status: list[dict[str, Any]] = json.loads(text)
        return status


def deployment(
    name: str, networks: str, replicas: int, namespace: str = "default"
) -> dict[str, Any]:
    """Pods that ask for networks, on any node; their label is `app=NAME`."""
    asks = {NETWORKS: networks}
    return objects.workload(
        "Deployment", name, namespace, SPEC, annotations=asks, replicas=replicas
    )


def addresses(pod: Mapping[str, Any]) -> dict[str, str]:
    """Which addresses each interface has, as Multus wrote it to the pod's object."""
    status = json.loads(pod["metadata"].get("annotations", {}).get(STATUS, "[]"))
    return {one["interface"]: ", ".join(one.get("ips", ())) for one in status}


def start_all(pods: Sequence[Pod], patience: float = PATIENCE) -> None:
    """Makes pods at the same time; returns when all run."""
    pods[0].cluster.create(*(pod.manifest for pod in pods))
    for namespace in {pod.namespace for pod in pods}:
        names = [f"pod/{pod.name}" for pod in pods if pod.namespace == namespace]
        until = ("--for=condition=Ready", f"--timeout={patience:g}s")
        pods[0].cluster.kubectl("wait", "-n", namespace, *until, *names, timeout=patience + 10)
    for pod in pods:
        pod.made()


def stop_all(pods: Sequence[Pod], patience: float = PATIENCE) -> None:
    """Ends pods at the same time; returns when all are gone."""
    for namespace in {pod.namespace for pod in pods}:
        names = [pod.name for pod in pods if pod.namespace == namespace]
        where = ("-n", namespace, "--ignore-not-found", f"--timeout={patience:g}s")
        pods[0].cluster.kubectl("delete", "pod", *names, *where, timeout=patience + 10)
    for pod in pods:
        pod.started = False


def global_addresses(link: Mapping[str, Any]) -> list[Interface]:
    """The addresses of an interface as `ip` prints it, without the link-local ones."""
    return [
        ipaddress.ip_interface(f"{found['local']}/{found['prefixlen']}")
        for found in link["addr_info"]
        if found["scope"] == "global"
    ]
