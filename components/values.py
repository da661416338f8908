"""Typed inputs to the chart's Helm values, and raw values against typed ones.

`typed` is everything that the program decides: it is the K3s documentation page's values file,
put right. `merged` lets `extraValues` add to it, never override it. Facts about templates are of
rke2-multus v4.2.414 to v4.3.017.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from components.cluster import Paths
from components.faults import MISSING, Fault, did_you_mean

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

MAPPINGS: Final = frozenset(TOP_LEVEL) - {
    "affinity",
    "fullnameOverride",
    "imagePullSecrets",
    "nameOverride",
    "tolerations",
}

NO_THICK: Final = (
    "the thick plugin's DaemonSet writes to /etc/cni/net.d and /opt/cni/bin, which K3s never "
    "reads. Leave it out: the thin plugin does the same work"
)
NOT_A_SETTING: Final = "this program depends on it. Leave it out"


def _on(value: Any) -> bool:
    return value not in (False, None)


def _off(value: Any) -> bool:
    return value is not True


def _any(_: Any) -> bool:
    return True


# Raw values that break a deployment, each with when and why. Dotted paths.
REFUSED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "thickPlugin.enabled": (_on, NO_THICK),
    "dynamicNetworksController.enabled": (
        _on,
        "the dynamic networks controller needs the thick plugin, which cannot work on K3s. "
        "Leave it out",
    ),
    "rke2-whereabouts.nodeSliceController.enabled": (
        _on,
        "the chart's node slice controller mounts /etc/cni/net.d and its manifest is refused "
        "by the API server. Leave it out",
    ),
    "config.cni_conf.logToStderr": (
        _any,
        "the chart passes it with one dash, and Multus exits. Leave it out: it is on",
    ),
    "config.cni_conf.skipConfigWatch": (
        _on,
        "without the watch Multus's token expires and no pod starts. Leave it out",
    ),
    "config.cni_conf.globalNamespaces": (
        _any,
        "it has a setting of its own. Use multus:globalNamespaces",
    ),
    "config.cni_conf.cniVersion": (
        _any,
        "Multus stops where it differs from the default network's. Leave it out",
    ),
    "pod.resources.enabled": (
        _on,
        "the chart renders it as null for the thin plugin, so it would do nothing. Leave it out",
    ),
    "rke2-whereabouts.namespaceOverride": (_any, NOT_A_SETTING),
    "rke2-whereabouts.nameOverride": (_any, NOT_A_SETTING),
    "nameOverride": (_any, NOT_A_SETTING),
    "fullnameOverride": (_any, NOT_A_SETTING),
    **{
        f"manifests.{name}": (_off, NOT_A_SETTING)
        for name in (
            "serviceAccount",
            "clusterRole",
            "clusterRoleBinding",
            "configMap",
            "daemonSet",
            "customResourceDefinition",
        )
    },
}

# The templates compare these with `eq … true`, which a text breaks.
BOOLEANS: Final = (
    "config.cni_conf.skipMultusBinaryCopy",
    "config.cni_conf.renameConfFile",
    "config.cni_conf.overrideNetworkName",
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
        "cniConf": {"confDir": paths.conf_dir, "binDir": paths.bin_dir},
        "tolerations": [dict(toleration) for toleration in EVERYWHERE],
        "priorityClassName": PRIORITY,
    }


def crd_typed(ipams: Sequence[str]) -> Values:
    """Helm values of the CRD chart. It has no defaults of its own and must be told."""
    return {"rke2-whereabouts": {"enabled": "whereabouts" in ipams}}


def faults(extra: Mapping[str, Any], decided: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with raw values beside the typed ones."""
    for key in extra:
        if key not in TOP_LEVEL:
            yield Fault((key,), f"is no value of the chart. {did_you_mean(key, TOP_LEVEL)}")
        elif key in MAPPINGS and not isinstance(extra[key], Mapping) and key not in decided:
            yield Fault((key,), "the chart reads a mapping of names to values here", extra[key])
    for dotted in (*REFUSED, *BOOLEANS):
        yield from _no_mapping(extra, decided, dotted)
    for dotted, (when, reason) in REFUSED.items():
        value = _at(extra, dotted)
        if value is not MISSING and when(value) and _at(decided, dotted) is MISSING:
            yield Fault(tuple(dotted.split(".")), reason, value)
    for dotted in BOOLEANS:
        value = _at(extra, dotted)
        if value is not MISSING and not isinstance(value, bool):
            yield Fault(
                tuple(dotted.split(".")), "this is either true or false, without quotes", value
            )
    yield from _conflicts(extra, decided, ())


def _no_mapping(
    extra: Mapping[str, Any], decided: Mapping[str, Any], dotted: str
) -> Iterator[Fault]:
    """A value on the way to one that the templates read: they would fail at it, on the cluster."""
    parts = dotted.split(".")
    for length in range(2, len(parts)):
        here = ".".join(parts[:length])
        value = _at(extra, here)
        conflict = _at(decided, here) is not MISSING  # which is reported as such
        if value is not MISSING and not isinstance(value, Mapping) and not conflict:
            path = tuple(parts[:length])
            yield Fault(path, "the chart reads a mapping of names to values here", value)


def _conflicts(
    extra: Mapping[str, Any], decided: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[Fault]:
    for key, value in extra.items():
        if key not in decided:
            continue
        here, mine = (*path, key), decided[key]
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            yield from _conflicts(value, mine, here)
        else:
            yield Fault(
                here,
                f"the program sets {'.'.join(here)} itself. Remove it; {_instead(here)}",
                value,
            )


# Where a typed value comes from, by the longest dotted path that leads to it.
SETTING: Final[Mapping[str, str]] = {
    "config": "it follows from multus:cluster",
    "config.cni_conf.namespaceIsolation": "use multus:namespaceIsolation",
    "config.cni_conf.globalNamespaces": "use multus:globalNamespaces",
    "config.cni_conf.multusConfFile": "without it Multus's token is not renewed",
    "config.cni_conf.cleanupConfigOnExit": "without it Multus's token is not renewed",
    "manifests": "it follows from multus:ipam",
    "rke2-whereabouts": "it follows from multus:ipam",
    "rke2-whereabouts.cniConf": "it follows from multus:cluster",
    "rke2-whereabouts.tolerations": "Whereabouts must run wherever Multus does",
    "rke2-whereabouts.priorityClassName": "Whereabouts must run wherever Multus does",
}


def _instead(path: tuple[str, ...]) -> str:
    leading = (".".join(path[:length]) for length in range(len(path), 0, -1))
    return next(SETTING[dotted] for dotted in leading if dotted in SETTING)


def _at(values: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        if not isinstance(values, Mapping) or key not in values:
            return MISSING
        values = values[key]
    return values


def merged(decided: Mapping[str, Any], extra: Mapping[str, Any]) -> Values:
    """Typed values with the raw ones added; there is no conflict left when this is called."""
    result = copy.deepcopy(dict(decided))
    for key, value in extra.items():
        mine = result.get(key)
        both = isinstance(mine, dict) and isinstance(value, Mapping)
        result[key] = merged(mine or {}, value) if both else copy.deepcopy(value)
    return result
