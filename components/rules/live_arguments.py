"""K3s's command line, as a node's annotation k3s.io/node-args shows it.

K3s splits `--name=value` there, of its configuration file too, and leaves `-name=value` as it is
(`getNodeArgs` in pkg/nodeconfig/nodeconfig.go). It reads one dash like two, and of an option that
is there twice the last, as Go's `flag` does.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

from .live_objects import ARGUMENTS, Json, notes

BACKEND: Final = "flannel-backend"
# Options without a value of their own, from K3s's pkg/cli/cmds; every other one has one.
SWITCHES: Final = frozenset({
    "alsologtostderr", "cluster-init", "cluster-reset", "debug", "disable-agent",
    "disable-apiserver", "disable-cloud-controller", "disable-controller-manager",
    "disable-default-registry-endpoint", "disable-etcd", "disable-helm-controller",
    "disable-kube-proxy", "disable-network-policy", "disable-scheduler", "disable-selinux",
    "docker", "embedded-registry", "enable-pprof", "etcd-disable-snapshots",
    "etcd-expose-metrics", "etcd-s3", "etcd-s3-insecure", "etcd-s3-skip-ssl-verify",
    "etcd-snapshot-compress", "flannel-external-ip", "flannel-ipv6-masq", "multi-cluster-cidr",
    "no-flannel", "nonroot-devices", "prefer-bundled-bin", "protect-kernel-defaults", "rootless",
    "secrets-encryption", "selinux", "supervisor-metrics", "tls-san-security", "with-node-id",
})  # fmt: skip


def runs_flannel(node: Json) -> bool | None:
    """Whether a server of K3s runs its own flannel.

    None of other nodes, which do as it says, and where its arguments do not tell for certain.
    """
    with suppress(ValueError, TypeError):  # no JSON, no list, or an empty one
        first, *others = map(str, json.loads(notes(node).get(ARGUMENTS, '[""]')))
        backend = _backend(others) if first == "server" else None
        return None if backend is None else backend != "none"
    return None


def _backend(arguments: list[str]) -> str | None:
    """The backend that they name; None where an option's value may be another option."""
    backend, left = "vxlan", [*arguments]
    while left:
        argument = left.pop(0)
        name, given, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-"):  # of a switch: --docker=true is two arguments
            continue
        if left and not given and not (name in SWITCHES and left[0].startswith("-")):
            value = left.pop(0)
        if value.startswith("-") and value.lstrip("-").partition("=")[0] == BACKEND:
            return None
        if name == BACKEND:
            backend = value
    return backend
