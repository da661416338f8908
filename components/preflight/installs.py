"""What else is installed: another Multus, the cluster's own, Cilium, and whose the CRDs are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from components import chart as charts
from components.args import MultusArgs
from components.faults import did_you_mean
from components.live.handover import KEEP, RELEASE_NAME, RELEASE_NAMESPACE, marks
from components.live.kubectl import TaskError, one_line
from components.networks import AnyNetwork
from components.preflight.live import (
    CRDS,
    UNMANAGED,
    Finding,
    Json,
    Live,
    annotated,
    name_of,
    refuse,
    some,
    warn,
)

OURS: Final = (charts.RELEASE, charts.CRD_RELEASE)
# …/multus-cni:v4, rancher/hardened-multus-cni:v4.2.1, nfvpe/multus; not the controllers beside it.
IMAGE: Final = re.compile(r"(?:^|[/-])multus(?:-cni|-thick)?(?:[:@]|$)")
# By name, address (…/rke2-multus-v4.3.017.tgz) or OCI reference; its CRD chart likewise.
CHART: Final = re.compile(r"(?:^|/)rke2-multus(?:-crd)?(?:$|[-:@]v?\d)")

Release = tuple[str, str]
"""Namespace and name of a Helm release."""


def namespaces(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """The networks' namespaces, which nobody but `createNamespaces` makes."""
    if args.create_namespaces:
        return
    there = {name_of(one): one for one in live.items("namespaces")}
    wanted: dict[str, list[AnyNetwork]] = {}
    for network in args.networks:
        wanted.setdefault(network.namespace, []).append(network)
    for name, networks in sorted(wanted.items()):
        users = some(network.key for network in networks)
        if name not in there:
            near = did_you_mean(name, there)
            hint = f" {near}" if near.startswith("Did") else ""
            yield refuse(
                f"namespace {name} of network {users} does not exist. Create it, or set "
                f"multus:createNamespaces: true.{hint}"
            )
        elif there[name]["metadata"].get("deletionTimestamp"):
            yield refuse(
                f"namespace {name} of network {users} is being deleted and takes nothing new. "
                "Wait for its end and create it, or set multus:createNamespaces: true, which does "
                "both"
            )


def multus(live: Live, _args: MultusArgs) -> Iterator[Finding]:
    """Another Multus: two of them write the same 00-multus.conf on each node, by turns.

    A release of this program's own name is not told here: whether the stack made it stands in its
    state, and the hand-over knows (components/live/handover.py).
    """
    of_charts = {release(chart) for chart in live.items("helmcharts") if installs_multus(chart)}
    told: dict[Release, str] = {}
    for daemons in live.items("daemonsets"):
        containers = daemons["spec"]["template"]["spec"]["containers"]
        if not any(IMAGE.search(one.get("image") or "") for one in containers):
            continue
        where = daemons["metadata"]["namespace"]
        marked = annotated(daemons)
        if RELEASE_NAME not in marked:
            told[(where, f"DaemonSet {name_of(daemons)}")] = (
                f"another Multus runs as DaemonSet {name_of(daemons)} in {where}, of no Helm "
                "release; both would write the nodes' configuration. Remove it, and keep its CRD, "
                "as docs/adopting.md says"
            )
            continue
        owner = (marked.get(RELEASE_NAMESPACE, where), marked[RELEASE_NAME])
        if owner != (charts.NAMESPACE, charts.RELEASE) and owner not in of_charts:
            told[owner] = (
                f"another Multus is installed, as Helm release {one_line(owner[1])} in "
                f"{one_line(owner[0])}; both would write the nodes' configuration. Take it over as "
                "docs/adopting.md says; do not uninstall it before you read there which charts "
                "take every network along"
            )
    for _, text in sorted(told.items()):
        yield refuse(text)


def helm_charts(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """The chart by the Helm controller of K3s or RKE2, which would undo what this program does.

    RKE2 makes one by itself where its `cni` names multus.
    """
    for chart in live.items("helmcharts"):
        if not installs_multus(chart):
            continue
        name, where = name_of(chart), chart["metadata"]["namespace"]
        if name in (charts.CHART, charts.CRD_CHART):
            fix = (
                "If RKE2's configuration has multus under cni, take it out there; then let go of "
                'the release as docs/adopting.md says under "A HelmChart of K3s"'
            )
        else:
            fix = 'Let go of the release as docs/adopting.md says under "A HelmChart of K3s"'
        yield refuse(
            f"HelmChart {name} in {where} installs Multus too, and the Helm controller of "
            f"{args.cluster.distribution} would undo what this program does. {fix}"
        )


def installs_multus(chart: Json) -> bool:
    """RKE2's own has the chart inside and no name of it, but the chart's name for its own."""
    if annotated(chart).get(UNMANAGED) == "true":
        return False
    named = (chart.get("spec") or {}).get("chart") or ""
    return bool(CHART.search(named)) or name_of(chart) in (charts.CHART, charts.CRD_CHART)


def release(chart: Json) -> Release:
    """The release that the Helm controller makes of a HelmChart."""
    target = (chart.get("spec") or {}).get("targetNamespace")
    return target or chart["metadata"]["namespace"], name_of(chart)


def cilium(live: Live, _args: MultusArgs) -> Iterator[Finding]:
    """Cilium's `cni.exclusive`: it renames other CNIs' configuration, Multus's too.

    multus-cni#1132, rke2#9074. Looked for in kube-system, where its chart and its own tool put it.
    """
    data = (live.found.get("cilium") or {}).get("data") or {}
    if data.get("cni-exclusive") == "true":
        yield refuse(
            "Cilium takes other CNIs' configuration away (cni-exclusive in ConfigMap "
            "kube-system/cilium-config), Multus's too. Set cni.exclusive: false in Cilium's Helm "
            "values and restart its agents"
        )


def crds(live: Live, args: MultusArgs) -> Iterator[Finding]:
    """Whose the live CRDs are, in the words of the hand-over, which stops at the same."""
    split = args.chart.facts.crd_version is not None
    owner = charts.CRD_RELEASE if split else charts.RELEASE
    for name in CRDS if split else CRDS[:1]:
        crd = live.found.get(name)
        if crd is None:
            continue
        try:
            missing = marks(crd, owner, charts.NAMESPACE, OURS)
        except TaskError as failure:
            yield refuse(str(failure))
            continue
        if RELEASE_NAME in annotated(crd) and KEEP in missing.get("annotations", {}):
            yield warn(
                f"CRD {name} of release {one_line(annotated(crd)[RELEASE_NAME])} is not marked "
                f"{KEEP}: keep, so Helm deletes it, with every object of its kind, once the "
                "release no longer holds it. pulumi up marks it; upgrade or uninstall nothing by "
                "hand before"
            )
