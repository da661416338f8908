"""How to reach the cluster: one Kubernetes provider that a new kubeconfig never replaces.

A kubeconfig is a secret of the stack or ambient, by kubectl's own rules, and the file of K3s or
RKE2 serves where there is none. It says who asks, not what is deployed: with `cluster_identifier`
a rotated certificate or a moved API server updates the provider and replaces nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
from pulumi_kubernetes import Provider

K3S_KUBECONFIG: Final = "/etc/rancher/k3s/k3s.yaml"
RKE2_KUBECONFIG: Final = "/etc/rancher/rke2/rke2.yaml"


class KubeconfigError(pulumi.RunError):
    """There is no kubeconfig to reach a cluster with."""


@dataclass(frozen=True)
class Access:
    """A kubeconfig's content (secret) and a context; None for the ambient ones."""

    kubeconfig: pulumi.Output[str] | None = None
    context: str | None = None

    def environment(self) -> dict[str, pulumi.Input[str]]:
        """What the tasks of `components.live` need; nothing where all is ambient."""
        found: dict[str, pulumi.Input[str]] = {}
        if self.kubeconfig is not None:
            found["MULTUS_KUBECONFIG"] = pulumi.Output.secret(self.kubeconfig)
        if self.context is not None:
            found["MULTUS_CONTEXT"] = self.context
        return found


def provider(access: Access) -> Provider:
    """The provider for the stack's cluster; raises KubeconfigError."""
    kubeconfig: pulumi.Input[str] | None = access.kubeconfig
    if kubeconfig is None:
        kubeconfig = ambient(os.environ, Path.home())
    with _unset("KUBECONFIG"):
        return Provider(
            "cluster",
            kubeconfig=kubeconfig,
            context=access.context,
            cluster_identifier=f"{pulumi.get_project()}/{pulumi.get_stack()}",
        )


@contextmanager
def _unset(name: str) -> Iterator[None]:
    """Without an environment variable, for a moment.

    The SDK copies KUBECONFIG into the provider's inputs: a path of this machine in the state, a
    diff on every other machine, and a list of several files taken for the name of one. The plugin
    has the variable from the engine and reads it as kubectl does.
    """
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value


def ambient(
    environment: Mapping[str, str],
    home: Path,
    k3s: str = K3S_KUBECONFIG,
    rke2: str = RKE2_KUBECONFIG,
) -> str | None:
    """The server's own kubeconfig where kubectl finds none, None where it finds one by itself."""
    named = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    if any(Path(part).is_file() for part in named):
        return None
    if named:
        raise KubeconfigError(f"KUBECONFIG names {named[0]}, which is no file; nothing was changed")
    if (home / ".kube" / "config").is_file():
        return None
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return None  # in a pod of the cluster, whose service account kubectl and the provider use
    for own in (k3s, rke2):
        if not Path(own).is_file():
            continue
        if os.access(own, os.R_OK):
            return own
        raise KubeconfigError(
            f"{own} cannot be read by this user. Run as root, or copy it and set KUBECONFIG; "
            "nothing was changed"
        )
    raise KubeconfigError(
        f"there is no kubeconfig: set KUBECONFIG, or run on a K3s server, where {k3s} is, or on an "
        f"RKE2 server, where {rke2} is; "
        "nothing was changed"
    )
