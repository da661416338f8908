"""Typed inputs to the chart's Helm values.

`typed` is everything that the program decides: on K3s it is the K3s documentation page's values
file, put right. `merged` adds raw values, which `raw.py` has checked before.
Facts about templates are of rke2-multus v4.2.414 to v4.3.017.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from components.cluster import Paths

Values = dict[str, Any]

# Multus runs on every node, also on tainted ones; an IPAM that does not leaves pods there without
# addresses (the subchart alone tolerates NoSchedule only and may be evicted).
EVERYWHERE: Final = (
    {"operator": "Exists", "effect": "NoSchedule"},
    {"operator": "Exists", "effect": "NoExecute"},
)
PRIORITY: Final = "system-node-critical"

TOP_LEVEL: Final = (
    "affinity",
    "cniplugins",
    "config",
    "dhcpDaemonSet",
    "dynamicNetworksController",
    "global",
    "image",
    "imagePullSecrets",
    "labels",
    "manifests",
    "nameOverride",
    "fullnameOverride",
    "pod",
    "rke2-whereabouts",
    "serviceAccount",
    "thickPlugin",
    "tolerations",
)


@dataclass(frozen=True)
class Choices:
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


def typed(chosen: Choices) -> Values:
    """Helm values of the main chart."""
    values: Values = {
        "config": _config(chosen),
        "manifests": {"dhcpDaemonSet": "dhcp" in chosen.ipams},
        "rke2-whereabouts": (
            _whereabouts(chosen) if "whereabouts" in chosen.ipams else {"enabled": False}
        ),
    }
    if chosen.registry is not None:
        values["global"] = {"systemDefaultRegistry": chosen.registry}
    if chosen.pull_secrets:
        values["imagePullSecrets"] = _secrets(chosen)
    if list(chosen.tolerations) != list(EVERYWHERE):  # which is the main chart's own
        values["tolerations"] = _tolerations(chosen)
    if chosen.node_selector:
        values["labels"] = {"nodeSelector": dict(chosen.node_selector)}
    if chosen.thick:
        values["thickPlugin"] = {"enabled": True}
    if chosen.dynamic_networks:
        values["dynamicNetworksController"] = {
            "enabled": True,
            "sockets": {"containerd": chosen.containerd_socket},
        }
    pod = _resources(chosen, "multus", "dynamicNetworksController")
    if pod:
        values["pod"] = {"resources": {"enabled": True, **pod}}
    return values


def _config(chosen: Choices) -> Values:
    paths = chosen.paths
    isolation: Values = {"namespaceIsolation": chosen.namespace_isolation}
    if chosen.global_namespaces:
        isolation["globalNamespaces"] = ",".join(chosen.global_namespaces)
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
    return {"cni_conf": conf, **({"daemon_conf": isolation} if chosen.thick else {})}


def _whereabouts(chosen: Choices) -> Values:
    values: Values = {
        "enabled": True,
        "fullnameOverride": "whereabouts",
        "cniConf": {"confDir": chosen.paths.whereabouts_dir, "binDir": chosen.paths.bin_dir},
        "tolerations": _tolerations(chosen),
        "priorityClassName": PRIORITY,
    }
    if chosen.pull_secrets:
        values["imagePullSecrets"] = _secrets(chosen)
    if chosen.node_selector:
        values["nodeSelector"] = dict(chosen.node_selector)
    own = _resources(chosen, "whereabouts", "reconciler")
    if "whereabouts" in own:
        values["resources"] = own["whereabouts"]
    if "reconciler" in own:
        values["reconciler"] = {"resources": own["reconciler"]}
    return values


def _tolerations(chosen: Choices) -> list[Values]:
    return [dict(toleration) for toleration in chosen.tolerations]


def _secrets(chosen: Choices) -> list[Values]:
    return [{"name": name} for name in chosen.pull_secrets]


def _resources(chosen: Choices, *daemons: str) -> Values:
    return {
        name: copy.deepcopy(chosen.resources[name]) for name in daemons if name in chosen.resources
    }


def crd_typed(ipams: Sequence[str]) -> Values:
    """Helm values of the CRD chart. It has no defaults of its own and must be told."""
    return {"rke2-whereabouts": {"enabled": "whereabouts" in ipams}}


def merged(decided: Mapping[str, Any], extra: Mapping[str, Any]) -> Values:
    """Typed values with the raw ones added; there is no conflict left when this is called."""
    result = copy.deepcopy(dict(decided))
    for key, value in extra.items():
        mine = result.get(key)
        both = isinstance(mine, dict) and isinstance(value, Mapping)
        result[key] = merged(mine or {}, value) if both else copy.deepcopy(value)
    return result
