"""Raw Helm values that are refused for what they do, or for doing nothing, by dotted path.

Facts are of the templates of rke2-multus v4.2.414 to v4.3.017 and of Multus's `thin_entrypoint`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

NO_THICK: Final = (
    "the thick plugin's DaemonSet writes to /etc/cni/net.d and /opt/cni/bin, which K3s never "
    "reads. Leave it out: the thin plugin does the same work"
)
NOT_A_SETTING: Final = "this program depends on it. Leave it out"


def _on(value: Any) -> bool:
    return value not in (False, None)


def _true(value: Any) -> bool:
    return value is True


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
    "config.cni_conf.renameConfFile": (
        _true,
        "Multus would not find K3s's network any more when it starts again, and no pod starts. "
        "Leave it out",
    ),
    "config.cni_conf.skipMultusBinaryCopy": (
        _true,
        "K3s has no Multus of its own, so no pod would start. Leave it out",
    ),
    "pod.resources.enabled": (
        _on,
        "the chart renders it as null for the thin plugin, so it would do nothing. Leave it out",
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

ONLY_THICK: Final = (
    "does nothing: only the thick plugin reads it, which cannot work on K3s. Remove it"
)
UNREAD: Final = "does nothing: no template of the chart reads it. Remove it"
# Values that the chart knows and that have no effect beside what the program deploys.
IDLE: Final[Mapping[str, str]] = {
    "affinity": UNREAD,
    "nameOverride": UNREAD,
    "fullnameOverride": UNREAD,
    "config.daemon_conf": ONLY_THICK,
    "pod.resources.multus": ONLY_THICK,
    "pod.resources.dynamicNetworksController": ONLY_THICK,
    "thickPlugin.image": ONLY_THICK,
    "dynamicNetworksController.image": ONLY_THICK,
    "dynamicNetworksController.sockets": ONLY_THICK,
    "rke2-whereabouts.successfulJobsHistoryLimit": UNREAD,
    "rke2-whereabouts.global": (
        "does nothing: the chart's own global wins. Use global.systemDefaultRegistry"
    ),
    "rke2-whereabouts.nodeSliceController.podAnnotations": UNREAD,
    "rke2-whereabouts.nodeSliceController.priorityClassName": UNREAD,
}
# Daemons that are deployed for one IPAM alone.
DAEMONS: Final = {
    "rke2-whereabouts": ("whereabouts", "Whereabouts"),
    "dhcpDaemonSet": ("dhcp", "the DHCP daemon"),
}

IMAGES: Final = ("image", "cniplugins.image", "dhcpDaemonSet.image", "rke2-whereabouts.image")
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
# Names that another ServiceAccount or ClusterRole of the releases, or of the namespace, has.
TAKEN: Final = {
    "serviceAccount.name": ("default", "whereabouts", *K3S_ACCOUNTS),
    "rke2-whereabouts.serviceAccount.name": ("default", "multus", "rke2-multus", *K3S_ACCOUNTS),
}

# Where a typed value comes from, by the longest dotted path that leads to it.
SETTING: Final[Mapping[str, str]] = {
    "config": "it follows from multus:cluster",
    "config.cni_conf.namespaceIsolation": "use multus:namespaceIsolation",
    "config.cni_conf.globalNamespaces": "use multus:globalNamespaces",
    "config.cni_conf.multusConfFile": "Multus renews its token only with it",
    "config.cni_conf.cleanupConfigOnExit": "Multus renews its token only with it",
    "manifests": "it follows from multus:ipam",
    "rke2-whereabouts": "it follows from multus:ipam",
    "rke2-whereabouts.cniConf": "it follows from multus:cluster",
    "rke2-whereabouts.tolerations": "Whereabouts must run wherever Multus does",
    "rke2-whereabouts.priorityClassName": "Whereabouts must run wherever Multus does",
}
