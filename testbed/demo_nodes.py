"""The demo's cluster: real nodes where root and the kernel allow it, else simulated ones."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from components.args import MultusArgs
from components.chart.values import images
from components.cluster import K3s
from testbed.cluster import Cluster
from testbed.node import keeper, node
from testbed.node.layout import Layout
from testbed.tools import Tools

NODES = {"single": 1, "multi": 2}
VERSION = "v1.34.2+k3s1"  # of the real kubelet


def obstacle(args: MultusArgs) -> str | None:
    """Why the nodes are to be simulated, None if real ones can be had."""
    version = getattr(args.cluster, "version", VERSION)
    if version != VERSION:
        return f"the stack is for {version}, and the kubelet here is {VERSION}"
    return node.obstacle()


def start(
    out: Console, folder: Path, args: MultusArgs, tools: Tools, reason: str | None
) -> Cluster:
    """A fresh cluster with its nodes: real ones, or simulated ones for a reason."""
    names = [f"node-{number}" for number in range(1, NODES[args.cluster.nodes] + 1)]
    cluster = Cluster.start(tools, folder, real=reason is None)
    if reason:
        out.print(f"[yellow]nodes: {len(names)}, simulated, because {reason}[/]")
        labels = _layout(args).labels
        version = getattr(args.cluster, "version", VERSION)
        cluster.add_nodes(len(names), version, labels=labels)
        return cluster
    out.print(f"nodes: {len(names)}, each with containerd, kubelet, flannel and kube-proxy")
    dhcp = "dhcp" in (args.ipam, *args.additional_ipam)
    wires = _masters(args)
    wanted = keeper.Wanted(
        names,
        images(args.values, args.chart.facts),
        wires,
        _layout(args),
        wires if dhcp else (),
    )
    keeper.start(cluster.plane, wanted)
    return cluster


def _layout(args: MultusArgs) -> Layout:
    cluster, closed = args.cluster, args.cluster.fail_closed
    if isinstance(cluster, K3s) and cluster.flannel:
        return Layout.k3s(data=cluster.data_dir, fail_closed=closed)
    other = isinstance(cluster, K3s)  # without its own flannel: another default network
    return Layout(cluster.paths.conf_dir, cluster.paths.bin_dir, not other, fail_closed=closed)


def _masters(args: MultusArgs) -> list[str]:
    """The interfaces that a node needs for the stack's networks."""
    named = (getattr(network, "master", None) for network in args.networks)
    return sorted({name.partition(".")[0] for name in named if name})
