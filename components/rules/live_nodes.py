"""Rules of the nodes: their versions, how many there are, and whether they have a default CNI."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Final

from ..cluster import STANDARD_BIN, STANDARD_CONF, Cluster, K3s
from ..cluster_tasks.kubectl import one_line
from ..findings import FindingsError, some
from ..ipam import HostLocal
from ..model import read
from .configuration import Configuration, Declared
from .live_objects import ARGUMENTS, FLANNEL, Json, Live, labels, name_of, notes
from .registry import Hit, rule


def selected(live: Live, config: Configuration) -> list[Json]:
    """The nodes that Multus is to run on."""
    wanted = config.get("node_selector", {}).items()
    return [node for node in live.nodes if wanted <= labels(node).items()]


def compared(live: Live, config: Configuration) -> Mapping[str, list[tuple[str, str]]]:
    """(node, version) by how the version goes with the stack's: same, patch, paths or foreign."""
    found: dict[str, list[tuple[str, str]]] = {"same": [], "patch": [], "paths": [], "foreign": []}
    for node in selected(live, config):
        version = one_line(node["status"]["nodeInfo"]["kubeletVersion"])
        found[_compared(config.cluster, version)].append((name_of(node), version))
    return found


def _compared(cluster: Cluster | None, version: str) -> str:
    stated = getattr(cluster, "version", None)
    if cluster is None or stated in (None, version):  # a custom cluster has paths and no version
        return "same"
    try:
        live = read(type(cluster), {**cluster.for_plugin(), "version": version})
    except FindingsError:
        return "foreign"
    return "patch" if live.paths == cluster.paths else "paths"


def running(nodes: list[tuple[str, str]], text: str = "") -> str:
    """`a, b run v1.30.5+k3s1`, and how it goes on."""
    versions = dict.fromkeys(version for _, version in nodes)
    return f"{some(name for name, _ in nodes)} run{'s' * (len(nodes) == 1)} {some(versions)}{text}"


@rule("nodes-of-another-version", "nodes")
def nodes_of_another_version(live: Live, config: Configuration) -> Iterator[Hit]:
    nodes = compared(live, config)
    stated = getattr(config.cluster, "version", None)
    versions = {version for _, version in nodes["paths"]}
    fix = f"Bring every node to {stated}, or all to one side of the change"
    if len(versions) == 1 and not (nodes["same"] or nodes["patch"]):
        fix = f"Set it to {versions.pop()}"
    if nodes["paths"]:
        text = ", which has the CNI plugins in another directory: no pod would start there"
        yield Hit(("cluster", "version"), running(nodes["paths"], text), stated, fix)


@rule("version-differs", "nodes")
def version_differs(live: Live, config: Configuration) -> Iterator[Hit]:
    if nodes := compared(live, config)["patch"]:
        yield Hit(("cluster", "version"), running(nodes), getattr(config.cluster, "version", None))


@rule("nodes-of-another-distribution", "nodes")
def nodes_of_another_distribution(live: Live, config: Configuration) -> Iterator[Hit]:
    nodes = compared(live, config)
    if nodes["foreign"] and len(nodes["foreign"]) == sum(map(len, nodes.values())):
        name = config.cluster.distribution if config.cluster else ""
        yield Hit(("cluster", "distribution"), running(nodes["foreign"]), name)


@rule("some-nodes-of-another-distribution", "nodes")
def some_nodes_of_another_distribution(live: Live, config: Configuration) -> Iterator[Hit]:
    nodes = compared(live, config)
    if nodes["foreign"] and len(nodes["foreign"]) < sum(map(len, nodes.values())):
        name = config.cluster.distribution if config.cluster else ""
        yield Hit((), running(nodes["foreign"], f", which is no version of {name}"))


# --- K3s's own flannel ---


def flannel(node: Json) -> bool | None:
    """Whether a server of K3s runs its own flannel; None of other nodes, which do as it says."""
    with suppress(ValueError):
        first, *others = map(str, json.loads(notes(node).get(ARGUMENTS, '[""]')))
        options = [part for one in others for part in one.split("=", 1)]
        given = ["vxlan", *(b for a, b in pairwise(options) if a == "--flannel-backend")]
        return given[-1] != "none" if first == "server" else None
    return None


def flannels(live: Live, config: Configuration) -> tuple[list[str], list[str]]:
    """Names of the servers that run with or without their own flannel as stated, and of others."""
    servers = [(name_of(node), own) for node in live.nodes if (own := flannel(node)) is not None]
    if not isinstance(config.cluster, K3s):
        return [], []
    stated = config.cluster.flannel
    return [n for n, own in servers if own is stated], [n for n, own in servers if own != stated]


@rule("flannel-differs", "nodes")
def flannel_differs(live: Live, config: Configuration) -> Iterator[Hit]:
    same, others = flannels(live, config)
    if others and not same:
        how, where, fix = "without", "the directories of its own flannel", "Remove it"
        if config.flannel:
            how, where, fix = "with", f"{STANDARD_CONF} and {STANDARD_BIN}", "Set it to false"
        message = f"{some(others)} run{'s' * (len(others) == 1)} {how} --flannel-backend=none"
        effect = f"so that K3s reads {where}, and Multus would never be called"
        yield Hit(("cluster", "flannel"), f"{message}, {effect}", config.flannel, fix)


@rule("flannel-may-differ", "nodes")
def flannel_may_differ(live: Live, config: Configuration) -> Iterator[Hit]:
    same, others = flannels(live, config)
    message = ""
    if same and others:
        message = f"{some(others)} and {some(same)} differ in --flannel-backend=none"
    elif isinstance(config.cluster, K3s) and not same and not others:
        # Of flannel's daemon, which stay when it is gone. A node that is not up has none yet.
        nodes = [node for node in live.nodes if ARGUMENTS in notes(node) and not lacks_cni(node)]
        odd = [name_of(node) for node in nodes if (FLANNEL in notes(node)) != config.flannel]
        have = "no annotations" if config.flannel else "annotations"
        message = f"{have} of flannel are on {some(odd)}" if odd else ""
    if message:
        yield Hit(("cluster", "flannel"), message, config.flannel)


# --- Number and state of the nodes ---


def schedulable(live: Live, config: Configuration) -> list[str]:
    """Names of the nodes that take pods, now or once they are up again."""
    return [
        name_of(node)
        for node in selected(live, config)
        if not node["spec"].get("unschedulable")
        and not any(
            taint.get("effect") in ("NoSchedule", "NoExecute")
            # Taints of this prefix come and go with a node's state.
            and not taint["key"].startswith("node.kubernetes.io/")
            for taint in node["spec"].get("taints") or ()
        )
    ]


@rule("no-schedulable-node", "nodes")
def no_schedulable_node(live: Live, config: Configuration) -> Iterator[Hit]:
    if not schedulable(live, config):
        yield Hit((), "there is no node that pods can be scheduled on: nothing will get ready")


def several(live: Live, config: Configuration) -> str:
    """What to say if nodes is single and there are more."""
    names = schedulable(live, config)
    single = config.cluster is not None and config.cluster.nodes == "single"
    more = single and len(names) > 1
    return f"pods can be scheduled on {len(names)} nodes ({some(names)})" if more else ""


def by_host_local(config: Configuration) -> list[Declared]:
    return [one for one in config.networks if isinstance(one.ipam, HostLocal)]


@rule("several-nodes", "nodes")
def several_nodes(live: Live, config: Configuration) -> Iterator[Hit]:
    if message := several(live, config):
        for one in by_host_local(config):
            text = f"{message}, and each would hand out the same addresses"
            yield Hit(one.place(("ipam", "type")), text, "host-local")


@rule("nodes-differs", "nodes")
def nodes_differs(live: Live, config: Configuration) -> Iterator[Hit]:
    if (message := several(live, config)) and not by_host_local(config):
        yield Hit(("cluster", "nodes"), message, "single")


# The kubelet: "container runtime network not ready: NetworkReady=false
# reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized".
NO_NETWORK: Final = re.compile(r"network not ready|NetworkPluginNotReady|\bcni\b", re.IGNORECASE)


def lacks_cni(node: Json) -> bool:
    return any(
        one["type"] == "Ready"
        and one["status"] != "True"
        and NO_NETWORK.search(one.get("message") or "")
        for one in node["status"].get("conditions") or ()
    )


def without_cni(live: Live, config: Configuration, *, everywhere: bool) -> Iterator[Hit]:
    nodes = selected(live, config)
    without = [node for node in nodes if lacks_cni(node)]
    fix = "Install a CNI first"
    if not config.flannel:
        fix = "Install Cilium, Calico or another CNI first, as K3s's own flannel is off"
    elif all(FLANNEL in notes(node) for node in without):
        fix = "K3s's own Flannel has not come up there: see the log of k3s on the node"
    elif config.cluster and config.cluster.distribution == "k3s":
        fix = (
            "Start K3s without --flannel-backend=none. Or install Cilium, Calico or another CNI "
            "first, and set multus:cluster.flannel to false"
        )
    if without and (len(without) == len(nodes)) == everywhere:
        where = "no node has" if everywhere else "some nodes do not have"
        message = f"{where} a default CNI, which Multus calls for each pod"
        yield Hit((), f"{message}: {some(map(name_of, without))}", remedy=fix)


@rule("no-default-cni", "nodes")
def no_default_cni(live: Live, config: Configuration) -> Iterator[Hit]:
    yield from without_cni(live, config, everywhere=True)


@rule("no-default-cni-on-some-nodes", "nodes")
def no_default_cni_on_some_nodes(live: Live, config: Configuration) -> Iterator[Hit]:
    yield from without_cni(live, config, everywhere=False)
