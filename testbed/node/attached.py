"""A pod with a network namespace of its own, attached by the node's CNI plugins.

It has an object in the API server, which Multus reads, and no container. What is asked of it is
asked of the kernel: the interfaces and routes in its namespace, and sockets opened there.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from testbed.kubectl import Kubectl
from testbed.node.entering import within
from testbed.node.runtime import Attachment, CniError, Result, Runtime

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
REACHED = 5.0  # seconds for a packet to arrive, with those that ask for the way
PATIENCE = 180.0  # seconds that a pod may take to start
PAUSE = 1.0  # between the kubelet's attempts
STATUS = "k8s.v1.cni.cncf.io/network-status"
T = TypeVar("T")


class Pod:
    """One pod of a node."""

    def __init__(self, cluster: Kubectl, runtime: Runtime, found: Mapping[str, Any]) -> None:
        meta = found["metadata"]
        self.cluster = cluster
        self.runtime = runtime
        self.name: str = meta["name"]
        self.namespace: str = meta["namespace"]
        self.uid: str = meta["uid"]
        self.result: Result | None = None
        # As containerd names them; /var/run is a link to /run on the node.
        self.attachment = Attachment(
            container=self.uid.replace("-", "") * 2,
            netns=f"/var/run/netns/cni-{self.uid}",
            arguments=(
                f"IgnoreUnknown=1;K8S_POD_NAMESPACE={self.namespace};K8S_POD_NAME={self.name};"
                f"K8S_POD_INFRA_CONTAINER_ID={self.uid.replace('-', '') * 2};K8S_POD_UID={self.uid}"
            ),
        )

    @property
    def network(self) -> Path:
        """Its network namespace, for `within`."""
        return self.runtime.space.path(f"/run/netns/cni-{self.uid}")

    def start(self) -> Result:
        """As the runtime makes a pod's sandbox; CniError with the plugin's words if it cannot."""
        space = self.runtime.space
        space.path(f"/run/netns/cni-{self.uid}").touch()
        space.check("unshare", f"--net=/run/netns/cni-{self.uid}", "ip", "link", "set", "lo", "up")
        try:
            self.result = self.runtime.add(self.attachment)
        except BaseException:
            self._give_up()
            raise
        return self.result

    def start_as_kubelet(self) -> list[CniError]:
        """Tries again as the kubelet does, until it works; what it was refused with before.

        The last error is raised when the time is over that a pod is given here.
        """
        refused: list[CniError] = []
        stop = time.monotonic() + PATIENCE
        while True:
            try:
                self.start()
            except CniError as error:
                refused.append(error)
                if time.monotonic() > stop:
                    raise
                time.sleep(PAUSE)
            else:
                return refused

    def _give_up(self) -> None:
        """What did not start is taken down again; what that says is of no interest."""
        try:
            self.runtime.delete(self.attachment)
        except CniError:
            pass
        finally:
            self._remove_namespace()

    def check(self) -> None:
        assert self.result is not None
        self.runtime.check(self.attachment, self.result)

    def stop(self) -> None:
        """As the runtime ends a sandbox. The object stays; see `remove`."""
        self.runtime.delete(self.attachment, self.result)
        self._remove_namespace()
        self.result = None

    def _remove_namespace(self) -> None:
        self.runtime.space.check("umount", f"/run/netns/cni-{self.uid}")
        self.network.unlink()

    def remove(self) -> None:
        """Takes the object away, as the kubelet does last."""
        where = ("-n", self.namespace, "--force", "--grace-period=0", "--ignore-not-found")
        self.cluster.kubectl("delete", "pod", self.name, *where)

    def within(self, function: Callable[[], T]) -> T:
        """What a function returns that runs with the pod's network."""
        return within(self.network, function)

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
        space = self.runtime.space
        name = f"--net=/run/netns/cni-{self.uid}"
        return json.loads(space.check("nsenter", name, "ip", "-json", *arguments))

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
        name = f"--net=/run/netns/cni-{self.uid}"
        self.runtime.space.check("nsenter", name, "ip", "address", "flush", "dev", interface)

    def status(self) -> list[dict[str, Any]]:
        """What Multus wrote to the pod's object."""
        found = self.cluster.kubectl_json("get", "pod", "-n", self.namespace, self.name)
        text = found["metadata"].get("annotations", {}).get(STATUS, "[]")
        status: list[dict[str, Any]] = json.loads(text)
        return status


def global_addresses(link: Mapping[str, Any]) -> list[Interface]:
    """The addresses of an interface as `ip` prints it, without the link-local ones."""
    return [
        ipaddress.ip_interface(f"{found['local']}/{found['prefixlen']}")
        for found in link["addr_info"]
        if found["scope"] == "global"
    ]
