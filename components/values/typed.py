"""Typed inputs to the chart's Helm values.

`typed` is everything that the program decides: it is the K3s documentation page's values file,
put right. `merged` adds raw values, which `raw.py` has checked before.
Facts about templates are of rke2-multus v4.2.414 to v4.3.017.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
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


def typed(
    paths: Paths,
    ipams: Sequence[str],
    *,
    namespace_isolation: bool,
    global_namespaces: Sequence[str],
) -> Values:
    """Helm values of the main chart. `ipams` are the plugins that the stack deploys."""
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
        "namespaceIsolation": namespace_isolation,
    }
    if global_namespaces:
        conf["globalNamespaces"] = ",".join(global_namespaces)
    return {
        "config": {"cni_conf": conf},
        "manifests": {"dhcpDaemonSet": "dhcp" in ipams},
        "rke2-whereabouts": _whereabouts(paths) if "whereabouts" in ipams else {"enabled": False},
    }


def _whereabouts(paths: Paths) -> Values:
    return {
        "enabled": True,
        "fullnameOverride": "whereabouts",
        "cniConf": {"confDir": paths.whereabouts_dir, "binDir": paths.bin_dir},
        "tolerations": [dict(toleration) for toleration in EVERYWHERE],
        "priorityClassName": PRIORITY,
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
