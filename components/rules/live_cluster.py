"""Rules of the live cluster but for its nodes: addresses, namespaces, installs of Multus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
from .live_objects import CRDS, UNMANAGED, Json, Live, is_going, name_of, notes
from .registry import Hit, at, check

# …/multus-cni:v4, rancher/hardened-multus-cni:v4.2.1, nfvpe/multus; not the controllers beside it.
IMAGE: Final = re.compile(r"(?:^|[/-])multus(?:-cni|-thick)?(?:[:@]|$)")
# kube-multus-ds, rke2-multus, multus; likewise.
MULTUS: Final = re.compile(r"\bmultus(?:-ds.*)?$")
# By name, address (…/rke2-multus-v4.3.017.tgz) or OCI reference; its CRD chart likewise.
CHART_NAME: Final = re.compile(r"(?:^|/)rke2-multus(?:-crd)?(?:$|[-:@]v?\d)")
# Cilium's and Calico's DaemonSet: the read that has their pods' networks. They do without the
# podCIDRs of nodes, which K3s gives all the same.
POOLS: Final = {"cilium": "ciliumnodes", "calico-node": "calicopools"}
CREATE: Final = "multus:createNamespaces: true"


@check()
def addresses(live: Live, config: Configuration) -> Iterator[Hit]:
    found = [*_elsewhere(live, config)]
    for key in dict.fromkeys(key for key, _, _ in found):
        shown = some(text for at_key, _, text in found if at_key == key)
        yield at("cidr-differs", "cluster", key, shown=shown)
    own = []
    for node in live.nodes:
        for one in node["status"]["addresses"]:
            with suppress(ValueError):  # clouds register names as addresses too
                own.append((ip_address(one.get("address")), name_of(node)))
    for declared in config.networks:
        taken: list[tuple[Path, Cidr]] = [(pool.path, pool.cidr) for pool in declared.pools]
        for index, route in enumerate(routes_of(declared.ipam)):
            if route.dst.prefixlen and route.in_main_table:  # other rules judge default routes
                taken.append((("routes", index, "dst"), route.dst))
        for path, cidr in () if declared.own_table else taken:
            if owner := next((text for _, one, text in found if overlap(cidr, one)), None):
                yield at("overlaps-the-cluster", "ipam", *path, of=declared, owner=owner)
        for pool in declared.pools:
            hits = [f"{address} of {name}" for address, name in own if pool.hands_out(address)]
            if hits:
                yield at("address-of-a-node", "ipam", *pool.path, of=declared, hits=some(hits))


def _elsewhere(live: Live, config: Configuration) -> Iterator[tuple[str, Cidr, str]]:
    """Networks of the cluster that its keys do not cover: the key, the network, and whose it is."""
    spec = (live.found.get("service") or {"spec": {}})["spec"]
    used = [("serviceCidr", spec.get("clusterIPs"), "the Service kubernetes")]
    used += [("clusterCidr", *one) for one in _of_pods(live)]
    for key, cidrs, owner in used:
        stated = config.value(("cluster", key)) or ()
        # "None" is the address of a Service that has none.
        for cidr in (ip_network(one) for one in cidrs or () if one != "None"):
            if not any(overlap(cidr, one) and one.prefixlen <= cidr.prefixlen for one in stated):
                yield key, cidr, f"{cidr} of {owner}"


def pools(live: Live) -> set[str]:
    """The reads that say which networks pods have, where the nodes do not."""
    return {POOLS[name] for one in live.items("daemonsets") if (name := name_of(one)) in POOLS}


def _of_pods(live: Live) -> Iterator[tuple[Sequence[str] | None, str]]:
    """Networks of pods, each with whose they are."""
    found = pools(live)
    for node in live.nodes if not found else ():
        yield node["spec"].get("podCIDRs"), name_of(node)
    for node in live.items("ciliumnodes") if "ciliumnodes" in found else ():
        yield node["spec"]["ipam"].get("podCIDRs"), f"Cilium on {name_of(node)}"
    for pool in live.items("calicopools") if "calicopools" in found else ():
        yield [pool["spec"].get("cidr") or "None"], f"Calico's pool {name_of(pool)}"


@check()
def namespaces(live: Live, config: Configuration) -> Iterator[Hit]:
    there = {name_of(one): one for one in live.items("namespaces")}
    first = {one.network.namespace: one for one in reversed(config.networks)}
    for name, of in () if config.get("create_namespaces") else first.items():
        if name not in there:
            near = did_you_mean(name, there)
            fix = f"{near} Else create it, or set {CREATE}" if near.startswith("Did") else None
            yield at("namespace-missing", "namespace", of=of, remedy=fix)
        elif is_going(there[name]):
            message = "it is being deleted and takes nothing new"
            yield at("namespace-missing", "namespace", of=of, message=message)


@check()
def cilium(live: Live, _: Configuration) -> Iterator[Hit]:
    found = live.found.get("cilium")
    if found and found["data"].get("cni-exclusive") == "true":
        yield at("cilium-exclusive")


# --- Installs of Multus ---


@check()
def installs(live: Live, _: Configuration) -> Iterator[Hit]:
    # A release of our own name is the hand-over's matter: the stack's state tells whose it is.
    known = {(NAMESPACE, RELEASE)}  # and those that the Helm controller makes of HelmCharts
    jobs, others, there = "", set[str](), False
    for chart in filter(_installs_multus, live.items("helmcharts")):
        name, where = name_of(chart), chart["metadata"]["namespace"]
        spec = chart["spec"]
        known.add((str(spec.get("targetNamespace") or where), name))
        jobs += f". HelmChart {name} is to make it: see its Job helm-install-{name}"
        whose = "RKE2's own " if name == CHART and not spec.get("chart") else ""
        yield at("helmchart-of-multus", chart=f"{whose}HelmChart {name} in {where}")
    for daemons in live.items("daemonsets"):
        where, marked = daemons["metadata"]["namespace"], notes(daemons)
        owner = (marked.get(RELEASE_NAMESPACE, where), marked.get(RELEASE_NAME))
        ours = is_multus(daemons)
        there |= (ours or bool(MULTUS.search(name_of(daemons)))) and not is_going(daemons)
        if ours and owner not in known:
            made = f"Helm release {owner[1]}" if owner[1] else f"DaemonSet {name_of(daemons)}"
            others.add(one_line(f"{made} in {owner[0]}"))
    yield from (at("other-multus", other=other) for other in sorted(others))
    if live.own_release:
        yield at("uninstalls-multus", "deploy")
    if not there:
        yield at("no-multus", "deploy", jobs=jobs)


def is_multus(daemons: Json) -> bool:
    """Whether a DaemonSet runs Multus, by its images."""
    return any(map(IMAGE.search, _images(daemons)))


def _installs_multus(chart: Json) -> bool:
    """RKE2's own HelmChart has the chart inside and no name of it, but its own is the chart's."""
    named = chart["spec"].get("chart") or ""
    ours = CHART_NAME.search(str(named)) or name_of(chart) in (CHART, CRD_CHART)
    return bool(ours) and notes(chart).get(UNMANAGED) != "true"


def _images(daemons: Json) -> list[str]:
    containers = daemons["spec"]["template"]["spec"]["containers"]
    return [one.get("image") or "" for one in containers]


@check()
def ipam(live: Live, config: Configuration) -> Iterator[Hit]:
    """For the first network of each IPAM plugin that has a daemon."""
    first = {one.ipam.type: one for one in reversed(config.networks) if one.ipam is not None}
    daemons = [one for one in live.items("daemonsets") if not is_going(one)]
    named = [" ".join((name_of(one), *_images(one))) for one in daemons]
    for name in first.keys() & {"whereabouts", "dhcp"}:
        if name == "whereabouts" and live.found.get(WHEREABOUTS[0]) is None:
            yield at("no-whereabouts", "ipam", "type", of=first[name], crd=WHEREABOUTS[0])
        elif not any(name in one for one in named):
            yield at("no-ipam-daemon", "ipam", "type", of=first[name])


@check()
def crds(live: Live, config: Configuration) -> Iterator[Hit]:
    """Why the hand-over will not take a live CRD, or that it is not kept."""
    networks = live.found.get(NETWORKS)
    if networks is None:
        yield at("no-networks-crd", "deploy", crd=NETWORKS)
    elif is_going(networks):
        yield at("no-networks-crd", "deploy", message=f"CRD {NETWORKS} is being deleted")
    split = config.chart.facts.crd_version is not None
    owner = CRD_RELEASE if split else RELEASE
    for crd in filter(None, (live.found.get(name) for name in (CRDS if split else CRDS[:1]))):
        try:
            missing = marks(crd, owner, NAMESPACE, (RELEASE, CRD_RELEASE))
        except TaskError as failure:
            yield at("crd-of-another-release", message=str(failure))
            continue
        if RELEASE_NAME in notes(crd) and KEEP in missing.get("annotations", {}):
            whose = one_line(notes(crd)[RELEASE_NAME])
            yield at("crd-not-kept", crd=name_of(crd), whose=whose)
