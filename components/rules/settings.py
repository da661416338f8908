"""Rules about the stack's settings, apart from its networks.

Of raw Helm values (`multus:extraValues`) values.schema.json says what is known of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..addresses import overlap
from ..chart.extra_values import places
from ..chart.versions import DATA, DEFAULT, VERSIONS
from ..cluster import FIRST_WITH_FIXED_DIRECTORY, K3s
from ..findings import Path
from ..networks.known import INSTALLED
from ..placement import EVERY_NODE, OS, amount
from .configuration import Configuration
from .registry import Hit, at, check, where

EXTRA: Final = "extraValues"
DYNAMIC: Final = "dynamicNetworksController"
OF_THE_RELEASE: Final = (
    *("ipam", "additionalIpam", "chart", "namespaceIsolation", "globalNamespaces", "registry"),
    *("imagePullSecrets", "tolerations", "nodeSelector", "resources", "reconcilerSchedule"),
    *("thickPlugin", "dynamicNetworksController", "extraPlugins", "extraValues", "repair"),
)
USUAL: Final = {"namespaceIsolation": True, "tolerations": EVERY_NODE}  # of others nothing is
MOST: Final = (59, 23, 31, 12, 6)  # in each field of a schedule


@check()
def without_release(config: Configuration) -> Iterator[Hit]:
    for key in OF_THE_RELEASE if config.deploys == "networks" else ():
        value = config.value((key,))
        if value is not None and value != USUAL.get(key, type(value)()):
            yield at("setting-without-effect", key, why="only networks are deployed")


@check()
def without_effect(config: Configuration) -> Iterator[Hit]:
    rule, chart = "setting-without-effect", config.chart
    if config.deploys == "networks":
        return
    for key, part, there in (
        ("additionalIpam", "additional_ipam", {config.get("ipam")}),
        ("extraPlugins", "extra_plugins", INSTALLED),
    ):
        given = config.get(part, ())
        for index, name in enumerate(given):
            if name in there or name in given[:index]:
                yield at(rule, key, index, why="it is there without this entry")
    if config.get("global_namespaces") and not config.get("namespace_isolation", True):
        yield at(rule, "globalNamespaces", why="it needs namespaceIsolation: true")
    if config.get("reconciler_schedule") and (why := _idle("whereabouts", config)):
        yield at(rule, "reconcilerSchedule", why=why)
    if chart.crd_sha256 and chart.facts.crd_version is None:
        yield at(rule, "chart", "crdSha256", why=f"{chart.version} has no CRD chart")
    if chart.path is not None and "repository" in chart.model_fields_set:
        yield at(rule, "chart", "repository", why="path says where the chart is")
    for daemon in config.get("resources", {}):
        if why := _idle(daemon, config):
            yield at(rule, "resources", daemon, why=why)


def _idle(daemon: str, config: Configuration) -> str:
    """Why resources of that daemon would reach no container; empty where they reach one."""
    return _reason(DATA["resources"][daemon]["idle"], config)


@check()
def services(config: Configuration) -> Iterator[Hit]:
    cluster = config.cluster
    for index, own in enumerate(cluster.service_cidr if cluster is not None else ()):
        for pods in cluster.cluster_cidr if cluster is not None else ():
            if overlap(pods, own):
                yield at("services-among-pods", "cluster", "serviceCidr", index, pods=pods)


@check()
def unknown_chart(config: Configuration) -> Iterator[Hit]:
    if config.chart.version not in VERSIONS:
        yield at("unknown-chart", "chart", "version", newest=DEFAULT)


@check()
def resources(config: Configuration) -> Iterator[Hit]:
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
            if name not in given.get(other, {}):
                bound += " that the chart sets"
            yield at("requests-above-limits", "resources", daemon, side, name, bound=bound)


@check()
def placement(config: Configuration) -> Iterator[Hit]:
    given = config.get("tolerations", EVERY_NODE)
    whole = {one.effect for one in given if one.key is None and one.toleration_seconds is None}
    left_out = [one for one in ("NoSchedule", "NoExecute") if not whole & {one, None}]
    lost = "get only their first interface, without any error"
    if left_out:
        taints = f"leaves out some taints of effect {' and '.join(left_out)}"
        message = f"{taints}: pods on nodes with them {lost}"
        yield at("nodes-without-multus", "tolerations", message=message)
    if set(config.get("node_selector", {})) - {OS}:
        message = f"leaves nodes without Multus: pods there {lost}"
        fix = "Give pods with networks the same nodeSelector"
        yield at("nodes-without-multus", "nodeSelector", message=message, remedy=fix)


@check()
def programs(config: Configuration) -> Iterator[Hit]:
    cluster, shared = config.cluster, config.get("global_namespaces", ())
    dynamic = config.get("dynamic_networks_controller")
    theirs = any(one.network.namespace == "default" for one in config.networks)
    fixed = cluster is None or cluster.paths.standard
    socket = cluster is None or cluster.containerd_socket_path
    yield from where(
        (
            "default-namespace-left-out",
            "globalNamespaces",
            shared and "default" not in shared and theirs,
        ),
        ("thick-plugin-directories", "thickPlugin", config.get("thick_plugin") and not fixed),
        (
            "fail-closed-thick",
            "thickPlugin",
            config.get("thick_plugin") and fixed and cluster is not None and cluster.fail_closed,
        ),
    )
    if isinstance(cluster, K3s) and not cluster.fixed_directory:
        oldest, *_, newest = FIRST_WITH_FIXED_DIRECTORY
        minor = min(max(int(cluster.version.split(".")[1]), oldest), newest)
        first = f"v1.{minor}.{FIRST_WITH_FIXED_DIRECTORY[minor]}"
        yield at("plugins-lost-on-upgrade", "cluster", "version", first=first)
    if dynamic and "thin" in conditions(config):
        fix = "Set multus:thickPlugin: true, or remove it"
        message = "it needs the thick plugin's daemon"
        yield at("dynamic-networks-controller", DYNAMIC, message=message, remedy=fix)
    if dynamic and not socket:
        message = "is missing: the dynamic networks controller looks for pods there"
        yield at("dynamic-networks-controller", "cluster", "containerdSocket", message=message)
    schedule = config.get("reconciler_schedule") or ""
    for field, most in zip(schedule.split(), MOST, strict=False):  # @hourly is one without a step
        if any(int(step) > most for step in re.findall("/([0-9]+)", field)):
            yield at("schedule-step", "reconcilerSchedule", field=field)


# --- Raw Helm values ---


def conditions(config: Configuration) -> set[str]:
    """Which conditions hold of those under which a value has no effect (`x-idle`)."""
    found = {"always"}
    if config.ipams:
        found |= {f"without {ipam}" for ipam in {"dhcp", "whereabouts"} - {*config.ipams}}
    if not config.get("dynamic_networks_controller"):
        found.add("static")
    if "thick_plugin" not in config.faulty:
        found.add("thick" if config.get("thick_plugin") else "thin")
    versions, version = [*VERSIONS], config.chart.version
    ours = versions.index(version if version in VERSIONS else DEFAULT)
    found |= {f"after {older}" for older in versions[:ours]}
    return found | {f"before {newer}" for newer in versions[ours + 1 :]}


def _reason(idle: Mapping[str, str], config: Configuration) -> str:
    """Why something has no effect, by reasons for conditions; empty where it has one."""
    held = conditions(config)
    return next((why for condition, why in idle.items() if condition in held), "")


@check()
def raw_values(config: Configuration) -> Iterator[Hit]:
    """Nothing is said of what lies below a value without effect."""
    idle: Path = ("",)
    for path, value, schema in places(config.get("extra_values")):
        if path[: len(idle)] == idle:
            continue
        breaks = schema.get("x-breaks")
        if value is None:
            message = "is null, which changes nothing: the chart's default stays"
            yield at("value-without-effect", EXTRA, *path, message=message, remedy="Remove it")
        elif why := _reason(schema.get("x-idle", {}), config):
            yield at("value-without-effect", EXTRA, *path, why=why)
        elif breaks and value not in breaks["unless"]:
            yield at("value-breaks-multus", EXTRA, *path, message=breaks["message"])
            continue
        else:
            continue
        idle = path


@check()
def skipped_plugins(config: Configuration) -> Iterator[Hit]:
    path = (EXTRA, "cniplugins", "skipcnis")
    value = config.value(path)
    if value is None:
        return
    skipped = value.split(",")
    needed = {plugin for one in config.networks for plugin in one.network.plugins}
    for plugin in sorted((needed | {"dhcp"} & {*config.ipams}) & {*skipped}):
        message = f"the stack's networks need {plugin}, which then is not installed"
        yield at("skipped-plugin", *path, message=message, remedy="Take it out")
    if "flannel" not in skipped and config.flannel:
        message = "the chart then replaces the cluster's own flannel plugin"
        yield at("skipped-plugin", *path, message=message, remedy='Write "flannel" in front')


@check()
def references(config: Configuration) -> Iterator[Hit]:
    registry, seen = config.get("registry"), set[str]()
    for path, value, schema in places(config.get("extra_values")):
        if value is None:
            continue
        if taken := schema.get("x-taken"):
            yield from where(("name-taken", (EXTRA, *path), value in taken or value in seen))
            seen.add(value)
        if path[-1] == "repository":
            tag = str(config.value((EXTRA, *path[:-1], "tag")))
            digest = value.endswith("@sha256") and not re.fullmatch("[0-9a-f]{64}", tag)
            twice = value.startswith(f"{registry}/") or ":" in value.partition("/")[0]
            message = "the chart puts multus:registry in front. Leave the registry out here"
            if digest:
                message = "the 64 digits of the digest are needed as the tag"
            if digest or (registry and twice):
                yield at("image-reference", EXTRA, *path, message=message)
