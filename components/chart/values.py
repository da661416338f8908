"""The Helm values that the program decides, and the images that follow from them.

On K3s they are the values file of K3s's documentation, put right. Facts about templates are of
rke2-multus v4.2.414 to v4.3.017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cluster import STANDARD_CONF, Cluster
from ..plain import at
from .versions import DATA, ChartVersion

Values = dict[str, Any]


def chart_values(cluster: Cluster, ipams: Sequence[str], settings: Mapping[str, Any]) -> Values:
    """Helm values of the main chart, for the settings by their names in `MultusArgs`."""
    paths, thick, registry = cluster.paths, settings["thick_plugin"], settings["registry"]
    tolerations = [one.for_plugin() for one in settings["tolerations"]]
    selector = settings["node_selector"]
    secrets = [{"name": name} for name in settings["image_pull_secrets"]] or None
    resources = settings["resources"]
    pod = {name: resources.get(name) for name in ("multus", "dynamicNetworksController")}
    reconciler = resources.get("reconciler")
    isolation = {
        "namespaceIsolation": settings["namespace_isolation"],
        "globalNamespaces": ",".join(settings["global_namespaces"]) or None,
    }
    conf = {
        "confDir": paths.conf_dir,
        "binDir": paths.bin_dir,
        # Mandatory since v4.2.107; its default is not where K3s has its default network.
        "multusAutoconfigDir": paths.conf_dir,
        "kubeconfig": paths.multus_kubeconfig,
        # With auto and the clean-up on exit, and only with both, Multus renews its token
        # (thin_entrypoint's watchChanges) and takes its configuration along when it goes.
        "multusConfFile": "auto",
        "cleanupConfigOnExit": True,
        **isolation,
    }
    whereabouts = {
        "enabled": True,
        "fullnameOverride": "whereabouts",
        "cniConf": {"confDir": STANDARD_CONF, "binDir": paths.bin_dir},
        "tolerations": tolerations,
        "nodeSelector": selector or None,
        "priorityClassName": "system-node-critical",
        "imagePullSecrets": secrets,
        "resources": resources.get("whereabouts"),
        "reconciler": {"resources": reconciler} if reconciler else None,
    }
    controller = {"enabled": True, "sockets": {"containerd": cluster.containerd_socket_path}}
    values = {
        # The thick plugin's daemon reads none of cni_conf; of the above it needs only the isolation
        # (multus-cni 4.3.0, pkg/server/config). The DHCP daemon reads cni_conf's binDir beside it.
        "config": {"cni_conf": conf, "daemon_conf": isolation if thick else None},
        "manifests": {"dhcpDaemonSet": "dhcp" in ipams},
        "rke2-whereabouts": whereabouts if "whereabouts" in ipams else {"enabled": False},
        "imagePullSecrets": secrets,
        "global": {"systemDefaultRegistry": registry} if registry else None,
        "tolerations": tolerations,
        "labels": {"nodeSelector": selector} if selector else None,
        "thickPlugin": {"enabled": True} if thick else None,
        "dynamicNetworksController": controller
        if settings["dynamic_networks_controller"]
        else None,
        "pod": {"resources": {"enabled": True, **pod}} if any(pod.values()) else None,
    }
    return merged(without_nulls(values), settings["extra_values"])


def merged(values: Values, extra: Mapping[str, Any]) -> Values:
    """The values with the raw ones, which are no values of the program's: `extra_values.py`."""
    for key, value in without_nulls(extra).items():
        mine = values.get(key)
        both = isinstance(mine, dict) and isinstance(value, dict)
        values[key] = merged(mine, value) if both else value  # type: ignore[arg-type]
    return values


def without_nulls(value: Any) -> Any:
    """A copy in plain mappings and lists. Helm is given no null: the chart's default stays."""
    if isinstance(value, Mapping):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list | tuple) else value


def images(values: Values, chart: ChartVersion, *, published: bool = False) -> tuple[str, ...]:
    """Every image that the main chart's pods name for such Helm values.

    None for no values, and for a chart that is newer than what is known.
    With `published` the registry is left out: what to copy from for an air-gapped cluster, as
    against what the nodes pull (`system_default_registry` in the templates).
    """
    registry = at(values, "global.systemDefaultRegistry")
    front = f"{registry}/" if registry and not published else ""
    found = []
    for image in DATA["images"] if values and chart.tags else ():
        if all((at(values, switch) is True) is on for switch, on in image["when"].items()):
            # The table names the tag where it differs between the chart's versions.
            tag = chart.tags.get(image["tag"], image["tag"])
            named = {**image, "tag": tag, **(at(values, image["values"]) or {})}
            found.append(f"{front}{named['repository']}:{named['tag']}")
    return tuple(found)
