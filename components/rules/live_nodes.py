"""Rules of the nodes: their versions, how many there are, and whether they have a default CNI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..cluster import STANDARD_BIN, STANDARD_CONF, Cluster, K3s
from ..cluster_tasks.kubectl import one_line
from ..findings import FindingsError, some
from ..ipam import HostLocal
from ..model import read
from ..networks.annotation import resource
from .configuration import Configuration
from .live_arguments import runs_flannel
from .live_objects import ARGUMENTS, FLANNEL, Json, Live, labels, name_of, notes
from .registry import Hit, at, check

VERSION: Final = ("cluster", "version")


def selected(live: Live, config: Configuration) -> list[Json]:
    """The nodes that Multus is to run on."""
    wanted = config.get("node_selector", {}).items()
    return [node for node in live.nodes if wanted <= labels(node).items()]


# --- Versions ---


@check()
def versions(live: Live, config: Configuration) -> Iterator[Hit]:
    found: dict[str, dict[str, str]] = {"same": {}, "patch": {}, "paths": {}, "foreign": {}}
    for node in selected(live, config):
        # A node that nobody runs yet, such as one by kubectl, has none.
        if version := one_line(node["status"]["nodeInfo"].get("kubeletVersion") or ""):
            found[_compared(config.cluster, version)][name_of(node)] = version
    same, patch, paths, foreign = found.values()
    if paths:
        fix = f"Bring every node to {config.value(VERSION)}, or all to one side of the change"
        if len({*paths.values()}) == 1 and not same and not patch:
            fix = f"Set it to {min(paths.values())}"
        yield at("nodes-of-another-version", *VERSION, remedy=fix, runs=_running(paths))
    if patch:
        yield at("version-differs", *VERSION, runs=_running(patch))
    if foreign and not (same or patch or paths):
        place = ("cluster", "distribution")
        yield at("nodes-of-another-distribution", *place, runs=_running(foreign))
    elif foreign:
        name = config.value(("cluster", "distribution"))
        yield at("some-nodes-of-another-distribution", runs=_running(foreign), name=name)


def _compared(cluster: Cluster | None, version: str) -> str:
    """How a node's version goes with the stack's: same, patch, paths or foreign."""
    stated = getattr(cluster, "version", None)
    if cluster is None or stated in (None, version):  # a custom cluster has paths and no version
        return "same"
    try:
        live = read(type(cluster), {**cluster.for_plugin(), "version": version})
    except FindingsError:
        return "foreign"
    return "patch" if live.paths == cluster.paths else "paths"


def _running(nodes: dict[str, str]) -> str:
    return f"{some(nodes)} run{'s' * (len(nodes) == 1)} {some(dict.fromkeys(nodes.values()))}"


# --- K3s's own flannel ---


@check()
def flannel(live: Live, config: Configuration) -> Iterator[Hit]:
    if not isinstance(config.cluster, K3s):
        return
    place, stated = ("cluster", "flannel"), config.flannel
    servers = [
        (name_of(node), own) for node in live.nodes if (own := runs_flannel(node)) is not None
    ]
    same = some(name for name, own in servers if own is stated)
    others = [name for name, own in servers if own is not stated]
    if others and same:
        message = f"{some(others)} and {same} differ in --flannel-backend=none"
        yield at("flannel-may-differ", *place, message=message)
    elif others:
        how, dirs, fix = "without", "the directories of its own flannel", "Remove it"
        if stated:
            how, dirs, fix = "with", f"{STANDARD_CONF} and {STANDARD_BIN}", "Set it to false"
        runs = f"{some(others)} run{'s' * (len(others) == 1)} {how}"
        yield at("flannel-differs", *place, remedy=fix, runs=runs, dirs=dirs)
    elif not servers:
        # Of flannel's daemon, which stay when it is gone. A node that is not up has none yet.
        nodes = [node for node in live.nodes if ARGUMENTS in notes(node) and not lacks_cni(node)]
        odd = [name_of(node) for node in nodes if (FLANNEL in notes(node)) is not stated]
        message = f"{'no annotations' if stated else 'annotations'} of flannel are on {some(odd)}"
        if odd:
            yield at("flannel-may-differ", *place, message=message)


# --- Number and state of the nodes ---


@check()
def numbers(live: Live, config: Configuration) -> Iterator[Hit]:
    names = [name_of(node) for node in selected(live, config) if _schedulable(node)]
    if not names:
        yield at("no-schedulable-node")
    if len(names) > 1 and config.cluster is not None and config.cluster.nodes == "single":
        count = f"{len(names)} nodes ({some(names)})"
        local = [one for one in config.networks if isinstance(one.ipam, HostLocal)]
        yield from (at("several-nodes", "ipam", "type", of=one, nodes=count) for one in local)
        if not local:
            yield at("nodes-differs", "cluster", "nodes", nodes=count)


def _schedulable(node: Json) -> bool:
    """Whether it takes pods, now or once it is up again."""
    return not node["spec"].get("unschedulable") and not any(
        taint.get("effect") in ("NoSchedule", "NoExecute")
        # Taints of this prefix come and go with a node's state.
        and not (taint.get("key") or "").startswith("node.kubernetes.io/")
        for taint in node["spec"]["taints"]
    )


@check()
def of_networks(live: Live, config: Configuration) -> Iterator[Hit]:
    """Which nodes a network is for, and whether they offer the device plugin's resource."""
    for one in config.networks:
        wanted = one.network.nodes
        nodes = [node for node in selected(live, config) if wanted.items() <= labels(node).items()]
        needed = resource(one.network)
        lacking = [name_of(node) for node in nodes if not _offers(node, needed)]
        if wanted and not nodes:
            yield at("no-node-for-network", "nodes", of=one)
        elif wanted:
            yield at("nodes-of-network", "nodes", of=one, names=some(map(name_of, nodes)))
        # Without labels it is for nodes that have the device, as the scheduler sees to.
        if lacking and (wanted or len(lacking) == len(nodes)):
            facts = {"resource": needed, "names": some(lacking)}
            yield Hit(("name",), rule="device-not-offered", of=one, facts=facts)


def _offers(node: Json, resource: str | None) -> bool:
    offered = (node["status"].get("allocatable") or {}).get(resource, "0")
    return resource is None or offered != "0"


# The kubelet: "container runtime network not ready: NetworkReady=false
# reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized".
NO_NETWORK: Final = re.compile(r"network not ready|NetworkPluginNotReady|\bcni\b", re.IGNORECASE)


def lacks_cni(node: Json) -> bool:
    return any(
        one.get("type") == "Ready"
        and one.get("status") != "True"
        and NO_NETWORK.search(one.get("message") or "")
        for one in node["status"]["conditions"]
    )


@check()
def default_cni(live: Live, config: Configuration) -> Iterator[Hit]:
    nodes = selected(live, config)
    without = [node for node in nodes if lacks_cni(node)]
    fix = "Install a CNI first"
    if not config.flannel:
        fix = "Install Cilium, Calico or another CNI first, as K3s's own flannel is off"
    elif all(FLANNEL in notes(node) for node in without):
        fix = "K3s's own Flannel has not come up there: see the log of k3s on the node"
    elif isinstance(config.cluster, K3s):
        fix = (
            "Start K3s without --flannel-backend=none. Or install Cilium, Calico or another CNI "
            "first, and set multus:cluster.flannel to false"
        )
    if without:
        some_have = "-on-some-nodes" if len(without) < len(nodes) else ""
        names = some(map(name_of, without))
        yield at(f"no-default-cni{some_have}", remedy=fix, names=names)
