"""Two nodes on which every IPAM plugin can be used at once, so that rounds can interleave them.

A stack deploys one plugin. So the stack is brought `up` with one after another on the same cluster,
the networks that each `up` made are noted, and what its DaemonSets ask for is begun on the nodes
and keeps running. In the end all networks are put beside each other as they were. Only node slices
are written by hand, from the Whereabouts network: the program refuses them, because the chart's
controller for them cannot be installed on K3s.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from benchmarks.arms import SLICES
from benchmarks.dhcp_server import serving
from testbed.charts.archive import sha256
from testbed.charts.package import package
from testbed.cluster import Cluster
from testbed.engine import Engine, Workspace
from testbed.kubectl import ClusterError
from testbed.node.namespaces import Space
from testbed.node.node import NAMESPACE, Node
from testbed.node.wire import Wires
from testbed.tools import Tools

CHART: Final = "v4.3.017"
STACK: Final = "benchmark"
K3S: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
WIRE: Final = "eth1"
NETWORKS: Final = "network-attachment-definitions"
POOLS: Final = "nodeslicepools.whereabouts.cni.cncf.io"
Config = Mapping[str, Any]

# What each stack declares beside static, by the plugin that it deploys. Pools of about one size.
IPAMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "host-local": {"type": "host-local", "subnet": "192.168.31.0/24"},
    "dhcp": {"type": "dhcp"},
    "whereabouts": {"type": "whereabouts", "range": "192.168.32.0/24"},
}
ALLOWED: Final = {"host-local": {"allow": ["host-local-on-several-nodes"]}}
STATIC: Final = {"type": "static", "addresses": [{"address": "192.168.33.9/24"}]}
SLICED: Final = {"range": "10.80.0.0/20", "node_slice_size": "/24", "network_name": "slices"}


@dataclass(frozen=True)
class Deployment:
    """The cluster, its nodes, and the networks' CNI configurations by name."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    networks: Mapping[str, Config]


def declared(ipam: str) -> list[dict[str, Any]]:
    """The networks of the stack that deploys this plugin."""
    base = {"type": "macvlan", "master": WIRE}
    return [
        {"name": ipam, "ipam": dict(IPAMS[ipam]), **base, **ALLOWED.get(ipam, {})},
        {"name": "static", "ipam": STATIC, **base},
    ]


def sliced(config: Config) -> dict[str, Any]:
    """A network with node slices, from the one without.

    The name keeps the two apart: the controller takes all networks of one name, and of none, for
    one network, and makes no slices where their ranges differ.
    """
    return {**config, "name": f"{SLICES}.slices", "ipam": {**config["ipam"], **SLICED}}


@contextmanager
def deployed(tools: Tools, names: tuple[str, ...]) -> Iterator[Deployment]:
    """For the length of a block. Whatever ends it, the kernel takes away the nodes."""
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="multus-benchmark-")))
        cluster = held.enter_context(Cluster.start(tools, durable=True))
        cluster.add_nodes(2)
        wires = held.enter_context(Wires((WIRE,)))
        checkout = _workspace(tools, cluster, folder)
        nodes = tuple(
            held.enter_context(Node(cluster, tools, wires, name)) for name in _node_names(cluster)
        )
        found: dict[str, Config] = {}
        for ipam in IPAMS:
            checkout.configure(STACK, {"ipam": ipam, "networks": declared(ipam)})
            checkout.up(STACK).check()
            found |= _live_networks(cluster)
            _run_what_came(cluster, nodes)
        lacking = found.keys() - _live_networks(cluster).keys()
        cluster.apply(*(_definition(name, "default", found[name]) for name in sorted(lacking)))
        if "slices" in names:
            found["slices"] = sliced(found["whereabouts"])
            cluster.apply(_definition("slices", SLICES, found["slices"]))
            _slice(cluster, nodes[0].space, found["slices"])
        if "dhcp" in names:
            held.enter_context(serving(wires, WIRE))
        yield Deployment(cluster, nodes, found)


def _workspace(tools: Tools, cluster: Cluster, folder: Path) -> Workspace:
    packages = package(CHART, folder / "charts")
    assert packages.crd is not None
    chart = {
        "version": CHART,
        "path": str(folder / "charts"),
        "sha256": sha256(packages.main),
        "crdSha256": sha256(packages.crd),
    }
    checkout = Engine.create(tools, folder / "engine").workspace(
        env={"KUBECONFIG": str(cluster.kubeconfig)}
    )
    checkout.configure(STACK, {"cluster": K3S, "chart": chart, "timeout": 120})
    return checkout


def _node_names(cluster: Cluster) -> list[str]:
    return [item["metadata"]["name"] for item in cluster.items("nodes")]


def _live_networks(cluster: Cluster) -> dict[str, Config]:
    return {
        item["metadata"]["name"]: json.loads(item["spec"]["config"])
        for item in cluster.items(NETWORKS, "-n", "default")
    }


def _run_what_came(cluster: Cluster, nodes: tuple[Node, ...]) -> None:
    """Begins on each node what the stack has deployed and does not run there yet."""
    live = {item["metadata"]["name"] for item in cluster.items("daemonsets", "-n", NAMESPACE)}
    for node in nodes:
        if fresh := live - node.workloads.keys():
            node.deploy(*fresh)
        node.await_ready(60.0)


def _definition(name: str, namespace: str, config: Config) -> dict[str, Any]:
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"config": json.dumps(config)},
    }


def _slice(cluster: Cluster, space: Space, config: Config) -> None:
    """Begins the controller on a node, with Whereabouts' own rights; returns with the slices.

    It ends with the node.
    """
    program = "/images/whereabouts/nodeslicecontroller"
    settings = PurePosixPath(config["ipam"]["configuration_path"])
    kubeconfig = str(settings.with_name("whereabouts.kubeconfig"))
    log = "/tmp/slices.log"  # noqa: S108  on the node, whose /tmp is its own
    line = f'exec "$0" -kubeconfig "$1" > {log} 2>&1'
    space.start("sh", "-c", line, program, kubeconfig, env={"WHEREABOUTS_NAMESPACE": NAMESPACE})
    wanted = set(_node_names(cluster))

    def given() -> bool:
        return any(
            {one.get("nodeName") for one in pool.get("status", {}).get("allocations", ())} >= wanted
            for pool in cluster.items(POOLS, "-n", NAMESPACE)
        )

    try:
        cluster.wait_for(given, "a slice for each node", 30.0)
    except ClusterError as error:
        said = space.path(log).read_text(encoding="utf-8").splitlines()[-5:]
        raise ClusterError(f"{error}; the node slice controller: {' / '.join(said)}") from error
