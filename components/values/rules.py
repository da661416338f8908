"""Raw Helm values that are refused for what they do, or for doing nothing, by dotted path.

Facts are of the templates of rke2-multus v4.2.414 to v4.3.017 and of Multus's `thin_entrypoint`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

NOT_A_SETTING: Final = "this program depends on it. Leave it out"


def _on(value: Any) -> bool:
    return value not in (False, None)


def _true(value: Any) -> bool:
    return value is True


def _off(value: Any) -> bool:
    return value is not True


def _any(_: Any) -> bool:
    return True


# Raw values that a setting decides, whether it is given or not.
TYPED: Final[Mapping[str, str]] = {
    "config.cni_conf.globalNamespaces": "multus:globalNamespaces",
    "dynamicNetworksController.enabled": "multus:dynamicNetworksController",
    "dynamicNetworksController.sockets": "multus:cluster",
    "global.systemDefaultRegistry": "multus:registry",
    "imagePullSecrets": "multus:imagePullSecrets",
    "labels.nodeSelector": "multus:nodeSelector",
    "pod.resources": "multus:resources",
    "rke2-whereabouts.imagePullSecrets": "multus:imagePullSecrets",
    "rke2-whereabouts.nodeSelector": "multus:nodeSelector",
    "rke2-whereabouts.reconciler.resources": "multus:resources",
    "rke2-whereabouts.resources": "multus:resources",
    "rke2-whereabouts.tolerations": "multus:tolerations",
    "thickPlugin.enabled": "multus:thickPlugin",
    "tolerations": "multus:tolerations",
}
# Raw values that break a deployment, each with when and why. Dotted paths.
REFUSED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    **{dotted: (_any, f"it has a setting of its own. Use {key}") for dotted, key in TYPED.items()},
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
    "config.cni_conf.cniVersion": (
        _any,
        "Multus stops where it differs from the default network's. Leave it out",
    ),
    "config.cni_conf.renameConfFile": (
        _true,
        "Multus would not find the cluster's network any more when it starts again, and no pod "
        "starts. Leave it out",
    ),
    "config.cni_conf.skipMultusBinaryCopy": (
        _true,
        "the nodes have no Multus of their own, so no pod would start. Leave it out",
    ),
    "rke2-whereabouts.namespaceOverride": (_any, NOT_A_SETTING),
    "rke2-whereabouts.nameOverride": (_any, NOT_A_SETTING),
    "rke2-whereabouts.serviceAccount.create": (
        _off,
        "the chart leaves out Whereabouts's rights with it. Leave it out",
    ),
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

ONLY_THICK: Final = "does nothing: only the thick plugin reads it (multus:thickPlugin). Remove it"
ONLY_THIN: Final = "does nothing: the thick plugin does not read it. Remove it"
UNREAD: Final = "does nothing: no template of the chart reads it. Remove it"
# Values that the chart knows and that have no effect beside what the program deploys.
IDLE: Final[Mapping[str, str]] = {
    "affinity": UNREAD,
    "nameOverride": UNREAD,
    "fullnameOverride": UNREAD,
    "rke2-whereabouts.successfulJobsHistoryLimit": UNREAD,
    "rke2-whereabouts.global": ("does nothing: the chart's own global wins. Use multus:registry"),
    "rke2-whereabouts.nodeSliceController.podAnnotations": UNREAD,
    "rke2-whereabouts.nodeSliceController.priorityClassName": UNREAD,
}
# The same beside the thin plugin, and beside the thick one.
IDLE_THIN: Final[Mapping[str, str]] = {
    "config.daemon_conf": ONLY_THICK,
    "thickPlugin.image": ONLY_THICK,
}
IDLE_THICK: Final[Mapping[str, str]] = {
    "image": "does nothing beside multus:thickPlugin. Use thickPlugin.image",
    **{
        f"config.cni_conf.{name}": ONLY_THIN
        for name in (
            "additionalBinDir",
            "logFile",
            "logLevel",
            "masterCniFilename",
            "multusBinFile",
            "multusCniConfDir",
            "overrideNetworkName",
            "readinessIndicatorFile",
        )
    },
    "config.daemon_conf": "is the program's, of what the thick plugin needs. Leave it out",
}
# The same where the dynamic networks controller is not deployed.
IDLE_STATIC: Final[Mapping[str, str]] = {
    "dynamicNetworksController.image": (
        "does nothing without multus:dynamicNetworksController. Remove it"
    ),
}
# Daemons that are deployed for one IPAM alone.
DAEMONS: Final = {
    "rke2-whereabouts": ("whereabouts", "Whereabouts"),
    "dhcpDaemonSet": ("dhcp", "the DHCP daemon"),
}

IMAGES: Final = (
    "image",
    "thickPlugin.image",
    "cniplugins.image",
    "dhcpDaemonSet.image",
    "rke2-whereabouts.image",
    "dynamicNetworksController.image",
)
# ServiceAccounts that K3s itself has in kube-system.
K3S_ACCOUNTS: Final = (
    "coredns",
    "helm-traefik",
    "helm-traefik-crd",
    "local-path-provisioner-service-account",
    "metrics-server",
    "svclb",
    "traefik",
)
CONTROLLERS: Final = "rke2-multus-dnc"  # the dynamic networks controller's
# Names that another ServiceAccount or ClusterRole of the releases, or of the namespace, has.
TAKEN: Final = {
    "serviceAccount.name": ("default", "whereabouts", CONTROLLERS, *K3S_ACCOUNTS),
    "rke2-whereabouts.serviceAccount.name": (
        *("default", "multus", "rke2-multus", CONTROLLERS),
        *K3S_ACCOUNTS,
    ),
}

# Where a typed value comes from, by the longest dotted path that leads to it.
SETTING: Final[Mapping[str, str]] = {
    **{dotted: f"use {key}" for dotted, key in TYPED.items()},
    "dynamicNetworksController": "use multus:dynamicNetworksController",
    "global": "use multus:registry",
    "labels": "use multus:nodeSelector",
    "pod": "use multus:resources",
    "thickPlugin": "use multus:thickPlugin",
    "config": "it follows from multus:cluster",
    "config.cni_conf.namespaceIsolation": "use multus:namespaceIsolation",
    "config.cni_conf.multusConfFile": "Multus renews its token only with it",
    "config.cni_conf.cleanupConfigOnExit": "Multus renews its token only with it",
    "manifests": "it follows from multus:ipam",
    "rke2-whereabouts": "it follows from multus:ipam",
    "rke2-whereabouts.cniConf": "it follows from multus:cluster",
    "rke2-whereabouts.tolerations": "use multus:tolerations",
    "rke2-whereabouts.priorityClassName": "Whereabouts must run wherever Multus does",
}
