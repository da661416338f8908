"""Rules of the live cluster but for its nodes: addresses, namespaces, other installs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Final

from ..addresses import Cidr, overlap
from ..chart.versions import CHART, CRD_CHART, CRD_RELEASE, NAMESPACE, RELEASE
from ..cluster_tasks.crd_handover import (
    KEEP,
    NETWORKS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    WHEREABOUTS,
    marks,
)
from ..cluster_tasks.kubectl import TaskError, one_line
from ..findings import Path, did_you_mean, some
from ..ipam.base import routes_of
from .configuration import Configuration
from .live_objects import CRDS, UNMANAGED, Json, Live, name_of, notes
from .registry import Hit, rule

# …/multus-cni:v4, rancher/hardened-multus-cni:v4.2.1, nfvpe/multus; not the controllers beside it.
IMAGE: Final = re.compile(r"(?:^|[/-])multus(?:-cni|-thick)?(?:[:@]|$)")
# kube-multus-ds, rke2-multus, multus; likewise.
MULTUS: Final = re.compile(r"\bmultus(?:-ds.*)?$")
# By name, address (…/rke2-multus-v4.3.017.tgz) or OCI reference; its CRD chart likewise.
CHART_NAME: Final = re.compile(r"(?:^|/)rke2-multus(?:-crd)?(?:$|[-:@]v?\d)")
CREATE: Final = "multus:createNamespaces: true"


# --- Addresses ---


def elsewhere(live: Live, config: Configuration) -> Iterator[tuple[str, Cidr, str]]:
    """Networks of the cluster that its keys do not cover: the key, the network, and whose it is."""
    spec = (live.found.get("service") or {}).get("spec") or {}
    used = [("serviceCidr", spec.get("clusterIPs"), "the Service kubernetes")]
    used += [("clusterCidr", node["spec"].get("podCIDRs"), name_of(node)) for node in live.nodes]
    cluster = config.cluster
    keys = (
        {"serviceCidr": cluster.service_cidr, "clusterCidr": cluster.cluster_cidr}
        if cluster
        else {}
    )
    for key, cidrs, owner in used:
        for cidr in map(ip_network, cidrs or ()):
            stated = keys.get(key, ())
            if not any(overlap(cidr, one) and one.prefixlen <= cidr.prefixlen for one in stated):
                yield key, cidr, f"{cidr} of {owner}"


@rule("cidr-differs", "nodes", "service")
def cidr_differs(live: Live, config: Configuration) -> Iterator[Hit]:
    found = list(elsewhere(live, config))
    for key in dict.fromkeys(key for key, _, _ in found):
        shown = some(text for at, _, text in found if at == key)
        yield Hit(("cluster", key), f"does not cover {shown}")


@rule("overlaps-the-cluster", "nodes", "service")
def overlaps_the_cluster(live: Live, config: Configuration) -> Iterator[Hit]:
    found = list(elsewhere(live, config))
    for declared in config.networks:
        taken: list[tuple[Path, Cidr]] = [(pool.path, pool.cidr) for pool in declared.pools]
        for index, route in enumerate(routes_of(declared.ipam)):
            if route.dst.prefixlen and route.in_main_table:  # other rules judge default routes
                taken.append((("routes", index, "dst"), route.dst))
        for path, cidr in taken:
            if owner := next((text for _, one, text in found if overlap(cidr, one)), None):
                message = f"it overlaps {owner}, which pods would no longer reach"
                yield Hit(declared.place(("ipam", *path)), message, str(cidr))


@rule("address-of-a-node", "nodes")
def address_of_a_node(live: Live, config: Configuration) -> Iterator[Hit]:
    own = []
    for node in live.nodes:
        for one in node["status"].get("addresses") or ():
            with suppress(ValueError):  # clouds register names as addresses too
                own.append((ip_address(one["address"]), name_of(node)))
    for declared in config.networks:
        for pool in declared.pools:
            hits = [f"{address} of {name}" for address, name in own if pool.hands_out(address)]
            if hits:
                message = f"it hands out the nodes' own addresses {some(hits)}"
                yield Hit(declared.place(("ipam", *pool.path)), message, str(pool))


@rule("namespace-missing", "namespaces")
def namespace_missing(live: Live, config: Configuration) -> Iterator[Hit]:
    there = {name_of(one): one for one in live.items("namespaces")}
    first = {one.network.namespace: one for one in reversed(config.networks)}
    for name, declared in () if config.get("create_namespaces") else first.items():
        path = declared.place(("namespace",))
        if name not in there:
            near = did_you_mean(name, there)
            fix = f"{near} Else create it, or set {CREATE}" if near.startswith("Did") else None
            yield Hit(path, "there is no such namespace", name, fix)
        elif there[name]["metadata"].get("deletionTimestamp"):
            yield Hit(path, "it is being deleted and takes nothing new", name)


# --- Other installs ---


def installs_multus(chart: Json) -> bool:
    """RKE2's own HelmChart has the chart inside and no name of it, but its own is the chart's."""
    named = (chart.get("spec") or {}).get("chart") or ""
    ours = CHART_NAME.search(named) or name_of(chart) in (CHART, CRD_CHART)
    return bool(ours) and notes(chart).get(UNMANAGED) != "true"


def images(daemons: Json) -> list[str]:
    containers = daemons["spec"]["template"]["spec"]["containers"]
    return [one.get("image") or "" for one in containers]


@rule("helmchart-of-multus", "helmcharts")
def helmchart_of_multus(live: Live, _: Configuration) -> Iterator[Hit]:
    for chart in filter(installs_multus, live.items("helmcharts")):
        whose = "RKE2's own " * (name_of(chart) == CHART and "chart" not in chart["spec"])
        where = f"{whose}HelmChart {name_of(chart)} in {chart['metadata']['namespace']}"
        yield Hit((), f"{where} installs Multus too")


@rule("other-multus", "daemonsets")
def other_multus(live: Live, _: Configuration) -> Iterator[Hit]:
    # A release of our own name is the hand-over's matter: the stack's state tells whose it is.
    known = {(NAMESPACE, RELEASE)}  # and those that the Helm controller makes of HelmCharts
    for chart in filter(installs_multus, live.items("helmcharts")):
        target = chart["spec"].get("targetNamespace") or chart["metadata"]["namespace"]
        known.add((target, name_of(chart)))
    found = set()
    for daemons in live.items("daemonsets"):
        where, marked = daemons["metadata"]["namespace"], notes(daemons)
        owner = (marked.get(RELEASE_NAMESPACE, where), marked.get(RELEASE_NAME))
        if owner in known or not any(map(IMAGE.search, images(daemons))):
            continue
        kind = f"Helm release {one_line(owner[1])}" if owner[1] else f"DaemonSet {name_of(daemons)}"
        found.add(f"another Multus runs, as {kind} in {one_line(owner[0])}")
    yield from (Hit((), message) for message in sorted(found))


def daemon(live: Live, name: re.Pattern[str], image: re.Pattern[str]) -> bool:
    """Whether a DaemonSet's name or image is like that."""
    return any(
        name.search(name_of(one)) or any(image.search(found) for found in images(one))
        for one in live.items("daemonsets")
    )


@rule("no-networks-crd", NETWORKS)
def no_networks_crd(live: Live, config: Configuration) -> Iterator[Hit]:
    crd = live.found.get(NETWORKS)
    if crd is None:
        yield Hit(("deploy",), f"there is no CRD {NETWORKS}", config.deploys)
    elif crd["metadata"].get("deletionTimestamp"):
        yield Hit(("deploy",), f"CRD {NETWORKS} is being deleted", config.deploys)


@rule("no-multus", "daemonsets")
def no_multus(live: Live, config: Configuration) -> Iterator[Hit]:
    if not daemon(live, MULTUS, IMAGE):
        message = "no DaemonSet of Multus is seen"
        for name in map(name_of, filter(installs_multus, live.items("helmcharts"))):
            message += f". HelmChart {name} is to make it: see its Job helm-install-{name}"
        yield Hit(("deploy",), message, config.deploys)


def by_ipam(config: Configuration) -> Iterator[tuple[str, Path]]:
    """The IPAM plugins of the networks that need a daemon, with the first network's key."""
    found = {one.ipam.type: one for one in reversed(config.networks) if one.ipam is not None}
    for name in ("whereabouts", "dhcp"):
        if name in found:
            yield name, found[name].place(("ipam", "type"))


@rule("no-whereabouts", WHEREABOUTS[0])
def no_whereabouts(live: Live, config: Configuration) -> Iterator[Hit]:
    for name, path in by_ipam(config):
        if name == "whereabouts" and live.found.get(WHEREABOUTS[0]) is None:
            yield Hit(path, f"there is no CRD {WHEREABOUTS[0]}", name)


@rule("no-ipam-daemon", "daemonsets", WHEREABOUTS[0])
def no_ipam_daemon(live: Live, config: Configuration) -> Iterator[Hit]:
    for name, path in by_ipam(config):
        there = name == "dhcp" or live.found.get(WHEREABOUTS[0]) is not None
        if there and not daemon(live, re.compile(name), re.compile(name)):
            yield Hit(path, "no DaemonSet of it is seen", name)


@rule("cilium-exclusive", "cilium")
def cilium_exclusive(live: Live, _: Configuration) -> Iterator[Hit]:
    data = (live.found.get("cilium") or {}).get("data") or {}
    if data.get("cni-exclusive") == "true":
        where = "cni-exclusive in ConfigMap kube-system/cilium-config"
        yield Hit((), f"Cilium takes other CNIs' configuration away, Multus's too ({where})")


def crds(live: Live, config: Configuration) -> Iterator[tuple[Json, str]]:
    """The live CRDs, each with why the hand-over will not take it, or that it is not kept."""
    split = config.chart.facts.crd_version is not None
    owner = CRD_RELEASE if split else RELEASE
    for crd in (live.found.get(name) for name in (CRDS if split else CRDS[:1])):
        if crd is None:
            continue
        try:
            missing = marks(crd, owner, NAMESPACE, (RELEASE, CRD_RELEASE))
            unkept = RELEASE_NAME in notes(crd) and KEEP in missing.get("annotations", {})
            yield crd, KEEP if unkept else ""
        except TaskError as failure:
            yield crd, str(failure)


@rule("crd-of-another-release", *CRDS)
def crd_of_another_release(live: Live, config: Configuration) -> Iterator[Hit]:
    yield from (Hit((), why) for _, why in crds(live, config) if why not in ("", KEEP))


@rule("crd-not-kept", *CRDS)
def crd_not_kept(live: Live, config: Configuration) -> Iterator[Hit]:
    for crd, why in crds(live, config):
        if why == KEEP:
            whose = one_line(notes(crd)[RELEASE_NAME])
            yield Hit((), f"CRD {name_of(crd)} of release {whose} is not marked {KEEP}: keep")
