"""Nodes: their versions, how many there are, and whether they have a default CNI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from components.args import MultusArgs
from components.cluster import Cluster
from components.ipam import HostLocal
from components.model import FROM_YAML
from components.preflight.live import (
    FLANNEL,
    Finding,
    Json,
    Live,
    annotated,
    labels,
    name_of,
    refuse,
    some,
    warn,
)

# The kubelet: "container runtime network not ready: NetworkReady=false
# reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized".
NO_NETWORK: Final = re.compile(r"network not ready|NetworkPluginNotReady|\bcni\b", re.IGNORECASE)
# Taints of this prefix come and go with a node's state; others say what a node is for.
PASSING: Final = "node.kubernetes.io/"
KEEPS_AWAY: Final = ("NoSchedule", "NoExecute")


def selected(live: Live, args: MultusArgs) -> list[Json]:
    """The nodes that Multus is to run on."""
    wanted = args.node_selector.items()
    return [node for node in live.nodes if wanted <= labels(node).items()]


def versions(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """Kubelet versions against the stack's, whose directories the chart mounts on every node."""
    stated: str | None = getattr(args.cluster, "version", None)
    if stated is None:
        return  # a distribution whose directories do not follow from a version
    foreign: list[str] = []
    elsewhere: dict[str, list[str]] = {}
    drifted: dict[str, list[str]] = {}
    alike = False
    for node in selected(live, args):
        version = node["status"]["nodeInfo"]["kubeletVersion"]
        known = at(args.cluster, version)
        if known is None:
            foreign.append(f"{name_of(node)} ({version})")
        elif known.paths != args.cluster.paths:
            elsewhere.setdefault(version, []).append(name_of(node))
        else:
            alike = True
            if version != stated:
                drifted.setdefault(version, []).append(name_of(node))
    distribution = args.cluster.distribution
    odd = f"{some(foreign)}: that is no version of {distribution}, so"
    if foreign and (alike or elsewhere):  # such as a virtual kubelet's
        yield warn(
            f"{odd} Multus does not work there, and the wait for its pods may not end. Keep it off "
            "with multus:nodeSelector"
        )
    elif foreign:
        yield refuse(
            f"{odd} the directories of {distribution} are not where it looks. Set multus:cluster "
            "to what the nodes run"
        )
    if elsewhere:
        nodes = [name for names in elsewhere.values() for name in names]
        fix = (
            f"Set multus:cluster.version to {next(iter(elsewhere))}"
            if len(elsewhere) == 1 and not alike
            else f"Bring every node to {stated}, or all to one side of the change"
        )
        yield refuse(
            f"{some(nodes)} with {some(elsewhere)}: the CNI plugins are in another directory there "
            f"than with multus:cluster.version {stated}, and pods would not start. {fix}"
        )
    if drifted:
        nodes = [name for names in drifted.values() for name in names]
        yield warn(
            f"{some(nodes)} with {some(drifted)}, and multus:cluster.version is {stated}. "
            "The directories are the same; set it to what the nodes run"
        )


def at(cluster: Cluster, version: str) -> Cluster | None:
    """The cluster if it were of another version; None for what is no version of it."""
    stated: dict[str, Any] = cluster.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        return type(cluster).model_validate({**stated, "version": version}, context=FROM_YAML)
    except ValidationError:
        return None


def count(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """Nodes that pods are scheduled on, against `nodes` and host-local."""
    usable = [name_of(node) for node in selected(live, args) if schedulable(node)]
    if not usable:
        yield warn("there is no node that pods can be scheduled on: nothing will get ready")
    if len(usable) < 2 or args.cluster.nodes != "single":
        return
    said = f"multus:cluster.nodes is single, but pods can be scheduled on {len(usable)} nodes"
    doubled = [
        network.key
        for network in args.networks
        if isinstance(network.ipam, HostLocal) and not network.ipam.allow_multi_node
    ]
    if doubled:
        yield refuse(
            f"{said} ({some(usable)}), and host-local would hand out the same addresses on each "
            f"for {some(doubled)}. Set nodes: multi and use whereabouts, or taint or cordon the "
            "others"
        )
    else:
        yield warn(f"{said} ({some(usable)}). Set nodes: multi")


def schedulable(node: Json) -> bool:
    spec = node.get("spec") or {}
    return not spec.get("unschedulable") and not any(
        taint.get("effect") in KEEPS_AWAY and not taint["key"].startswith(PASSING)
        for taint in spec.get("taints") or ()
    )


def default_cni(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """A CNI for the pods' first interface, without which Multus has nobody to call.

    The runtime looks for its configuration and the kubelet tells: a node without one is NotReady.
    """
    nodes = selected(live, args)
    without = [node for node in nodes if lacks_network(node)]
    if not without:
        return
    names = some(name_of(node) for node in without)
    fix = (
        "Flannel is K3s's own there and has not come up: see the log of k3s on the node"
        if all(FLANNEL in annotated(node) for node in without)
        else "Start K3s without --flannel-backend=none, or install a CNI first"
        if args.cluster.distribution == "k3s"
        else "Install a CNI first"
    )
    if len(without) == len(nodes):
        yield refuse(
            f"no node has a default CNI ({names}), and Multus cannot run alone: it calls the "
            f"default one for each pod. {fix}"
        )
    else:
        yield warn(f"{names}: no default CNI yet, and no pod gets ready there. {fix}")


def lacks_network(node: Json) -> bool:
    return any(
        one["type"] == "Ready"
        and one["status"] != "True"
        and NO_NETWORK.search(one.get("message") or "")
        for one in node["status"].get("conditions") or ()
    )
