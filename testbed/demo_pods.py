"""The demo's last act: a deployment with a network of the stack, its addresses, and pings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from components.args import MultusArgs
from testbed.cluster import Cluster
from testbed.node.pod import addresses, deployment

NAME: Final = "hello"
REPLICAS: Final = 4
KINDS: Final = ("macvlan", "bridge")  # that kernels have everywhere
COUNTED: Final = ("host-local", "whereabouts", "dhcp")
INTERFACES: Final = ("eth0", "net1")


@dataclass(frozen=True)
class Started:
    """A pod: where it runs, and its addresses by interface."""

    name: str
    node: str
    addresses: Mapping[str, str]


def usable(args: MultusArgs) -> tuple[str, str] | None:
    """Namespace and name of the first network that any pod can have, None if there is none."""
    for network in args.networks:
        ipam = getattr(network, "ipam", None)
        if getattr(network, "type", "") in KINDS and ipam and ipam.type in COUNTED:
            return network.namespace, network.name
    return None


def show(out: Console, cluster: Cluster, namespace: str, network: str) -> None:
    """Deploys pods, and prints where they are and whom they reach."""
    cluster.create(deployment(NAME, f"{namespace}/{network}", REPLICAS, namespace))
    where = ("-n", namespace)
    until = ("rollout", "status", f"deployment/{NAME}", "--timeout=60s")
    cluster.kubectl(*until, *where, timeout=70)
    pods = sorted(_started(cluster.items("pods", *where, "-l", f"app={NAME}")), key=_order)
    table = Table("pod", "node", *INTERFACES, title=f"Pods with the network {namespace}/{network}")
    for pod in pods:
        table.add_row(pod.name, pod.node, *(pod.addresses[one] for one in INTERFACES))
    out.print(table)
    for interface in INTERFACES:
        pairs = list(itertools.permutations(pods, 2))
        ping = partial(_ping, cluster, namespace, interface)
        with ThreadPoolExecutor(len(pods)) as together:
            answered = sum(together.map(ping, pairs))
        out.print(f"ping over {interface}: {answered} of {len(pairs)} ways between pods answer")


def _order(pod: Started) -> tuple[str, str]:
    return pod.node, pod.name


def _started(pods: Sequence[Mapping[str, Any]]) -> Iterator[Started]:
    for pod in pods:
        yield Started(pod["metadata"]["name"], pod["spec"]["nodeName"], addresses(pod))


def _ping(cluster: Cluster, namespace: str, interface: str, pair: tuple[Started, Started]) -> bool:
    one, other = pair
    address = other.addresses[interface].partition(",")[0]
    command = ("exec", "-n", namespace, one.name, "--", "ping", "-c1", "-W3", "-I", interface)
    return cluster.try_kubectl(*command, address).returncode == 0
