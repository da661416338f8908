"""Rules about the stack's settings, apart from its networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..chart.versions import DATA
from ..cluster import STANDARD_BIN, STANDARD_CONF, K3s
from ..networks.known import INSTALLED
from ..placement import EVERY_NODE, OS, amount
from .configuration import Configuration
from .registry import Hit, rule
from .values import conditions, without_effect

CONTROLLER: Final = "dynamicNetworksController"
MOST: Final = (59, 23, 31, 12, 6)  # in each field of a schedule


@rule("setting-without-effect")
def setting_without_effect(config: Configuration) -> Iterator[Hit]:
    for key, part, there in (
        ("additionalIpam", "additional_ipam", {config.get("ipam")}),
        ("extraPlugins", "extra_plugins", INSTALLED),
    ):
        given = config.get(part, ())
        for index, name in enumerate(given):
            if name in there or name in given[:index]:
                yield Hit((key, index), f"does nothing: {name} is there without it")
    if config.get("global_namespaces") and not config.get("namespace_isolation", True):
        yield Hit(("globalNamespaces",), "does nothing without namespaceIsolation: true")
    if config.get("reconciler_schedule") and (reason := _idle("whereabouts", config)):
        yield Hit(("reconcilerSchedule",), reason)
    chart = config.chart
    if chart.crd_sha256 and chart.facts.crd_version is None:
        yield Hit(("chart", "crdSha256"), f"does nothing: {chart.version} has no CRD chart")
    if chart.path is not None and "repository" in chart.model_fields_set:
        yield Hit(
            ("chart", "repository"), "does nothing beside path", remedy="Remove one of the two"
        )
    for daemon in config.get("resources", {}):
        if reason := _idle(daemon, config):
            yield Hit(("resources", daemon), reason)


def _idle(daemon: str, config: Configuration) -> str:
    """Why resources of that daemon would reach no container; empty where they reach one."""
    return without_effect(DATA["resources"][daemon]["idle"], config)


@rule("requests-above-limits")
def requests_above_limits(config: Configuration) -> Iterator[Hit]:
    for daemon, given in config.get("resources", {}).items():
        if _idle(daemon, config):
            continue
        whole = {
            side: {**DATA["resources"][daemon].get(side, {}), **given.get(side, {})}
            for side in ("requests", "limits")
        }
        for name, limit in whole["limits"].items():
            if amount(whole["requests"].get(name, 0)) <= amount(limit):
                continue
            side, other, bound = "requests", "limits", "at most the limit"
            if name in given.get("limits", {}):
                side, other, bound = "limits", "requests", "at least the request"
            whose = "" if name in given.get(other, {}) else " that the chart sets"
            message = f"it must be {bound}{whose}"
            yield Hit(("resources", daemon, side, name), message, whole[side][name])


@rule("nodes-without-multus")
def nodes_without_multus(config: Configuration) -> Iterator[Hit]:
    given = config.get("tolerations", EVERY_NODE)
    whole = {one.effect for one in given if one.key is None and one.toleration_seconds is None}
    left_out = [one for one in ("NoSchedule", "NoExecute") if not whole & {one, None}]
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
    if cluster and config.get("thick_plugin") and not cluster.paths.standard:
        wrote = f"its DaemonSet writes to {STANDARD_CONF} and {STANDARD_BIN}"
        yield Hit(("thickPlugin",), f"cannot work: {wrote}, which this cluster never reads")


@rule("dynamic-networks-controller")
def dynamic_networks_controller(config: Configuration) -> Iterator[Hit]:
    if not config.get("dynamic_networks_controller"):
        return
    if "thin" in conditions(config):
        remedy = "Set multus:thickPlugin: true, or remove it"
        yield Hit((CONTROLLER,), "needs the thick plugin's daemon", remedy=remedy)
    if config.cluster is not None and config.cluster.containerd_socket_path is None:
        message = "is missing: the dynamic networks controller looks for pods there"
        yield Hit(("cluster", "containerdSocket"), message)


@rule("plugins-lost-on-upgrade")
def plugins_lost_on_upgrade(config: Configuration) -> Iterator[Hit]:
    cluster = config.cluster
    if isinstance(cluster, K3s) and not cluster.fixed_directory:
        message = f"each upgrade of K3s {cluster.version} replaces the directory of its CNI plugins"
        lost = "after it no pod starts until this stack was deployed again"
        yield Hit(("cluster", "version"), f"{message}: {lost}")


@rule("schedule-step")
def schedule_step(config: Configuration) -> Iterator[Hit]:
    schedule = config.get("reconciler_schedule") or ""
    fields = [] if schedule.startswith("@") else schedule.split()
    for field, most in zip(fields, MOST, strict=False):
        if any(int(step) > most for step in re.findall("/([0-9]+)", field)):
            message = f'"{field}" steps beyond its field, so that only the first time counts'
            yield Hit(("reconcilerSchedule",), message, schedule, "Use a smaller step, or @every")
