"""Rules about the stack's settings, apart from its networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..chart.versions import RESOURCES, VERSIONS
from ..cluster import STANDARD_BIN, STANDARD_CONF, K3s
from ..findings import repeated
from ..networks.known import INSTALLED
from ..placement import EVERY_NODE, OS, Resources, amount
from ..schedule import FIELDS
from .configuration import Configuration
from .registry import Hit, rule

CHART: Final = "rke2-multus v4.2.414 to v4.3.017"
CONTROLLER: Final = "dynamicNetworksController"


@rule("setting-without-effect")
def setting_without_effect(config: Configuration) -> Iterator[Hit]:
    for index, first in repeated((config.get("ipam"), *config.get("additional_ipam", ()))):
        what = "multus:ipam" if first == 0 else f"additionalIpam[{first - 1}]"
        yield Hit(("additionalIpam", index - 1), f"does nothing: {what} is that already")
    extra = config.get("extra_plugins", ())
    for index, first in repeated(extra):
        yield Hit(("extraPlugins", index), f"does nothing: extraPlugins[{first}] is that already")
    for index, plugin in enumerate(extra):
        if plugin in INSTALLED:
            message = f"does nothing: the stack puts {plugin} on the nodes by itself"
            yield Hit(("extraPlugins", index), message)
    if config.get("global_namespaces") and not config.get("namespace_isolation", True):
        yield Hit(("globalNamespaces",), "does nothing without namespaceIsolation: true")
    if config.get("reconciler_schedule") and (reason := _without_whereabouts(config)):
        yield Hit(("reconcilerSchedule",), reason)
    chart = config.chart
    if chart.crd_sha256 and chart.facts.crd_version is None:
        yield Hit(("chart", "crdSha256"), f"does nothing: {chart.version} has no CRD chart")
    if chart.path is not None and "repository" in chart.model_fields_set:
        yield Hit(("chart", "repository"), "does nothing beside path", remedy="Remove one of both")
    for daemon in config.get("resources", Resources()).render():
        if reason := _idle(daemon, config):
            yield Hit(("resources", daemon), reason)


def _without_whereabouts(config: Configuration) -> str | None:
    if not config.ipams or "whereabouts" in config.ipams:
        return None
    return f"does nothing: the stack deploys {' and '.join(config.ipams)}, and not Whereabouts"


def _idle(daemon: str, config: Configuration) -> str | None:
    """Why resources of that daemon would reach no container, None if they reach one."""
    if daemon == "multus":
        thick = config.get("thick_plugin", False) or "thick_plugin" in config.faulty
        reason = "does nothing: the chart renders them as null for the thin plugin"
        return None if thick else f"{reason}, which has no limits"
    if daemon == CONTROLLER:
        deployed = config.get("dynamic_networks_controller", False)
        return None if deployed else "does nothing: the controller is not deployed"
    if daemon == "reconciler" and not config.chart.facts.reconciler_deployment:
        first = next(name for name, row in VERSIONS.items() if row.reconciler_deployment)
        reason = f"does nothing: up to the chart before {first} the daemon does the"
        return f"{reason} reconciler's work; whereabouts is the key for it"
    return _without_whereabouts(config)


@rule("requests-above-limits")
def requests_above_limits(config: Configuration) -> Iterator[Hit]:
    for daemon, given in config.get("resources", Resources()).render().items():
        if _idle(daemon, config):
            continue
        chart = RESOURCES[daemon]
        limits, requests = (
            {**chart.get(side, {}), **given.get(side, {})} for side in ("limits", "requests")
        )
        for name, limit in limits.items():
            least, most = amount(requests.get(name)), amount(limit)
            if least is None or most is None or least <= most:
                continue
            if name in given.get("limits", {}):
                whose = "" if name in given.get("requests", {}) else " that the chart sets"
                path, value, than = ("limits", name), limit, f"least the request{whose}"
            else:
                path, value = ("requests", name), requests[name]
                than = "most the limit that the chart sets"
            yield Hit(("resources", daemon, *path), f"it must be at {than}", value)


@rule("nodes-without-multus")
def nodes_without_multus(config: Configuration) -> Iterator[Hit]:
    given = config.get("tolerations", EVERY_NODE)
    effects = ("NoSchedule", "NoExecute")
    left_out = [one for one in effects if not any(by.everywhere(one) for by in given)]
    lost = "get only their first interface, without any error"
    if left_out:
        taints = f"leaves out some taints of effect {' and '.join(left_out)}"
        yield Hit(("tolerations",), f"{taints}: pods on nodes with them {lost}")
    if set(config.get("node_selector", {})) - {OS}:
        message = f"leaves nodes without Multus: pods there {lost}"
        remedy = "Give pods with networks the same nodeSelector"
        yield Hit(("nodeSelector",), message, remedy=remedy)


@rule("default-namespace-left-out")
def default_namespace_left_out(config: Configuration) -> Iterator[Hit]:
    shared = config.get("global_namespaces", ())
    theirs = any(one.network.namespace == "default" for one in config.networks)
    if shared and "default" not in shared and theirs:
        message = "leaves out default, so the networks in default serve pods in default only"
        yield Hit(("globalNamespaces",), message)


@rule("thick-plugin-directories")
def thick_plugin_directories(config: Configuration) -> Iterator[Hit]:
    cluster = config.cluster
    if cluster is None or not config.get("thick_plugin") or cluster.paths.standard:
        return
    custom = cluster.distribution == "custom"
    whose = "and multus:cluster names others" if custom else f"which {cluster.product} never reads"
    wrote = f"cannot work here: its DaemonSet writes to {STANDARD_CONF} and {STANDARD_BIN}, {whose}"
    yield Hit(("thickPlugin",), wrote)


@rule("dynamic-networks-controller")
def dynamic_networks_controller(config: Configuration) -> Iterator[Hit]:
    if not config.get("dynamic_networks_controller"):
        return
    if not config.get("thick_plugin", False) and "thick_plugin" not in config.faulty:
        remedy = "Set multus:thickPlugin: true, or remove it"
        yield Hit((CONTROLLER,), "needs the thick plugin's daemon", remedy=remedy)
    if config.cluster is not None and config.cluster.containerd_socket_path is None:
        message = "is missing: the dynamic networks controller looks for pods there"
        yield Hit(("cluster", "containerdSocket"), message)


@rule("plugins-lost-on-upgrade")
def plugins_lost_on_upgrade(config: Configuration) -> Iterator[Hit]:
    cluster = config.cluster
    if isinstance(cluster, K3s) and not cluster.fixed_directory:
        message = (
            f"K3s {cluster.version} keeps its CNI plugins in a directory that each K3s upgrade "
            "replaces: after the next one no pod starts until this stack was deployed again"
        )
        yield Hit(("cluster", "version"), message)


@rule("schedule-step")
def schedule_step(config: Configuration) -> Iterator[Hit]:
    schedule = config.get("reconciler_schedule") or ""
    fields = [] if schedule.startswith("@") else schedule.split()
    for field, (name, _, _, most) in zip(fields, FIELDS, strict=False):
        if any(int(step) > most for step in re.findall("/([0-9]+)", field)):
            message = f'"{field}" steps beyond the {name}, so that only the first time counts'
            yield Hit(("reconcilerSchedule",), message, schedule, "Use a smaller step, or @every")
