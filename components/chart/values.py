"""The Helm values that the program decides.

On K3s they are the values file of K3s's documentation, put right. Facts about templates are of
rke2-multus v4.2.414 to v4.3.017.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..cluster import Paths
from ..findings import MISSING

Values = dict[str, Any]

# Multus runs on every node, also on tainted ones; an IPAM that does not leaves pods there without
# addresses (the subchart alone tolerates NoSchedule only and may be evicted).
EVERYWHERE: Final = (
    {"operator": "Exists", "effect": "NoSchedule"},
    {"operator": "Exists", "effect": "NoExecute"},
)
PRIORITY: Final = "system-node-critical"


@dataclass(frozen=True)
class ChartInputs:
    """What the stack chose, as far as Helm values follow from it."""

    paths: Paths
    ipams: Sequence[str]
    """The plugins that the stack deploys."""
    namespace_isolation: bool = True
    global_namespaces: Sequence[str] = ()
    registry: str | None = None
    pull_secrets: Sequence[str] = ()
    tolerations: Sequence[Mapping[str, Any]] = EVERYWHERE
    node_selector: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Values] = field(default_factory=dict)
    """By daemon: multus, dynamicNetworksController, whereabouts, reconciler."""
    thick: bool = False
    dynamic_networks: bool = False
    containerd_socket: str | None = None


def chart_values(inputs: ChartInputs) -> Values:
    """Helm values of the main chart."""
    whereabouts = "whereabouts" in inputs.ipams
    values: Values = {
        "config": _config(inputs),
        "manifests": {"dhcpDaemonSet": "dhcp" in inputs.ipams},
        "rke2-whereabouts": _whereabouts(inputs) if whereabouts else {"enabled": False},
        **_secrets(inputs),
    }
    if inputs.registry is not None:
        values["global"] = {"systemDefaultRegistry": inputs.registry}
    if list(inputs.tolerations) != list(EVERYWHERE):  # which is the main chart's own
        values["tolerations"] = inputs.tolerations
    if inputs.node_selector:
        values["labels"] = {"nodeSelector": inputs.node_selector}
    if inputs.thick:
        values["thickPlugin"] = {"enabled": True}
    if inputs.dynamic_networks:
        sockets = {"containerd": inputs.containerd_socket}
        values["dynamicNetworksController"] = {"enabled": True, "sockets": sockets}
    daemons = ("multus", "dynamicNetworksController")
    if pod := {name: inputs.resources[name] for name in daemons if name in inputs.resources}:
        values["pod"] = {"resources": {"enabled": True, **pod}}
    return _copy(values)


def _secrets(inputs: ChartInputs) -> Values:
    names = [{"name": name} for name in inputs.pull_secrets]
    return {"imagePullSecrets": names} if names else {}


def _config(inputs: ChartInputs) -> Values:
    paths = inputs.paths
    isolation: Values = {"namespaceIsolation": inputs.namespace_isolation}
    if inputs.global_namespaces:
        isolation["globalNamespaces"] = ",".join(inputs.global_namespaces)
    conf: Values = {
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
    # The thick plugin's daemon reads none of cni_conf; of the above it needs only the isolation
    # (multus-cni 4.3.0, pkg/server/config). The DHCP daemon reads cni_conf's binDir beside it.
    return {"cni_conf": conf, **({"daemon_conf": isolation} if inputs.thick else {})}


def _whereabouts(inputs: ChartInputs) -> Values:
    values: Values = {
        "enabled": True,
        "fullnameOverride": "whereabouts",
        "cniConf": {"confDir": inputs.paths.whereabouts_dir, "binDir": inputs.paths.bin_dir},
        "tolerations": inputs.tolerations,
        "priorityClassName": PRIORITY,
        **_secrets(inputs),
    }
    if inputs.node_selector:
        values["nodeSelector"] = inputs.node_selector
    if "whereabouts" in inputs.resources:
        values["resources"] = inputs.resources["whereabouts"]
    if "reconciler" in inputs.resources:
        values["reconciler"] = {"resources": inputs.resources["reconciler"]}
    return values


def crd_chart_values(ipams: Sequence[str]) -> Values:
    """Helm values of the CRD chart. It has no defaults of its own and must be told."""
    return {"rke2-whereabouts": {"enabled": "whereabouts" in ipams}}


def merged(decided: Mapping[str, Any], extra: Mapping[str, Any]) -> Values:
    """The decided values with the raw ones added, where they do not meet."""
    result = dict(decided)
    for key, value in extra.items():
        mine = result.get(key)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        result[key] = merged(mine, value) if both else value  # type: ignore[arg-type]
    return _copy(result)


def at(values: Any, *path: str | int) -> Any:
    """What stands at a path through mappings; MISSING where nothing does."""
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return MISSING
        values = values[key]
    return values


def _copy(values: Values) -> Values:
    """The same in plain mappings and lists; nothing is shared with what it was made from."""
    copied: Values = json.loads(json.dumps(values))
    return copied
