"""Two real nodes on which every IPAM plugin can be used at once, so that rounds interleave them.

One stack deploys them all. Only node slices are written by hand, from the Whereabouts network: the
program refuses them, because the chart's controller for them cannot be installed on K3s.
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
from benchmarks.measures import CHART, STACK
from testbed.charts.package import package
from testbed.cluster import Cluster
from testbed.engine import Engine, Workspace
from testbed.kubectl import ClusterError
from testbed.node.images import of_chart
from testbed.node.layout import Layout
from testbed.node.namespaces import PROGRAMS, Space
from testbed.node.node import SYSTEM, Node, started
from testbed.objects import network
from testbed.tools import Tools

K3S: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi", "flannel": False}
WIRE: Final = "eth1"
NETWORKS: Final = "network-attachment-definitions"
POOLS: Final = "nodeslicepools.whereabouts.cni.cncf.io"
Config = Mapping[str, Any]

# What the stack declares beside static, by plugin. Pools of about one size.
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
    """The cluster, its nodes with a simulated one for each, and the networks' configurations."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    simulated: tuple[str, ...]
    networks: Mapping[str, Config]


def settings() -> dict[str, Any]:
    """The stack's: a network of each plugin."""
    base = {"type": "macvlan", "master": WIRE}
    others = [name for name in IPAMS if name != "whereabouts"]
    networks = [
        {"name": name, "ipam": dict(ipam), **base, **ALLOWED.get(name, {})}
        for name, ipam in {**IPAMS, "static": STATIC}.items()
    ]
    return {"ipam": "whereabouts", "additionalIpam": others, "networks": networks}


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
        cluster = held.enter_context(Cluster.start(tools, durable=True, real=True))
        nodes = held.enter_context(
            started(cluster, tools, images=of_chart(CHART), layout=layout, masters=[WIRE])
        )
        checkout = _workspace(tools, cluster, folder)
        checkout.configure(STACK, settings())
        checkout.up(STACK).check()
        simulated = cluster.add_nodes(len(nodes), prefix="simulated")
        found = _live_networks(cluster)
        if "slices" in names:
            found["slices"] = sliced(found["whereabouts"])
            cluster.apply(network("slices", json.dumps(found["slices"]), SLICES))
            _slice(cluster, nodes[0].space, found["slices"])
        if "dhcp" in names:
            held.enter_context(serving(nodes[0].lan, WIRE))
        yield Deployment(cluster, tuple(nodes), tuple(simulated), found)


def _workspace(tools: Tools, cluster: Cluster, folder: Path) -> Workspace:
    chart = package(CHART, folder / "charts").settings()
    checkout = Engine.create(tools, folder / "engine").workspace(
        env={"KUBECONFIG": str(cluster.kubeconfig)}
    )
    checkout.configure(STACK, {"cluster": K3S, "chart": chart, "timeout": 120})
    return checkout


def layout() -> Layout:
    """With a default network that costs little, the same for all that is measured."""
    return Layout(flannel=False)


def _live_networks(cluster: Cluster) -> dict[str, Config]:
    return {
        item["metadata"]["name"]: json.loads(item["spec"]["config"])
        for item in cluster.items(NETWORKS, "-n", "default")
    }


def _slice(cluster: Cluster, space: Space, config: Config) -> None:
    """Begins the controller on a node, with Whereabouts' own rights; returns with the slices.

    It ends with the node.
    """
    program = f"{PROGRAMS}/nodeslicecontroller"
    settings = PurePosixPath(config["ipam"]["configuration_path"])
    kubeconfig = str(settings.with_name("whereabouts.kubeconfig"))
    log = "/tmp/slices.log"  # noqa: S108  on the node, whose /tmp is its own
    line = f'exec "$0" -kubeconfig "$1" > {log} 2>&1'
    space.start("sh", "-c", line, program, kubeconfig, env={"WHEREABOUTS_NAMESPACE": SYSTEM})
    wanted = {item["metadata"]["name"] for item in cluster.items("nodes")}

    def given() -> bool:
        return any(
            {one.get("nodeName") for one in pool.get("status", {}).get("allocations", ())} >= wanted
            for pool in cluster.items(POOLS, "-n", SYSTEM)
        )

    try:
        cluster.wait_for(given, "a slice for each node", 30.0)
    except ClusterError as error:
        said = space.path(log).read_text(encoding="utf-8").splitlines()[-5:]
        raise ClusterError(f"{error}; the node slice controller: {' / '.join(said)}") from error
