"""Kubeconfigs: the one that kubectl finds on this machine, and what one says of clusters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

K3S_KUBECONFIG: Final = Path("/etc/rancher/k3s/k3s.yaml")
RKE2_KUBECONFIG: Final = Path("/etc/rancher/rke2/rke2.yaml")


class NoKubeconfigError(Exception):
    """There is none that kubectl could use on this machine; one line with what to do."""


@dataclass(frozen=True)
class Kubeconfig:
    """What a kubeconfig says of clusters, and nothing of who asks."""

    servers: Mapping[str, str]
    """API server by cluster."""
    contexts: Mapping[str, str]
    """Cluster by context."""
    current: str


def ambient() -> tuple[list[Path], bool]:
    """The kubeconfig's files, none in a pod, and whether kubectl does not find them by itself."""
    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    # Of the home directory kubectl and the provider know what HOME says, and nothing else.
    home = os.environ.get("HOME")
    for path in named or ([Path(home) / ".kube" / "config"] if home else []):
        if path.is_file():
            return [one for one in named or [path] if one.is_file()], False
    if named:
        raise NoKubeconfigError(f"KUBECONFIG names {named[0]}, which is no file")
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return [], False  # kubectl and the provider use the pod's service account
    for own in (K3S_KUBECONFIG, RKE2_KUBECONFIG):
        if own.is_file() and os.access(own, os.R_OK):
            return [own], True
        if own.is_file():
            fix = "Run as root, or copy it and set KUBECONFIG"
            raise NoKubeconfigError(f"{own} cannot be read by this user. {fix}")
    home_is = "" if home else "HOME is not set, and "
    raise NoKubeconfigError(
        f"{home_is}there is no kubeconfig. Set KUBECONFIG, or run on a server of K3s, where "
        f"{K3S_KUBECONFIG} is, or of RKE2, where {RKE2_KUBECONFIG} is"
    )


def expanded(path: str) -> Path:
    """A path as the provider takes it, to which a `~` stands for home in front of `/` alone."""
    home = os.environ.get("HOME")
    return Path(home + path[1:] if home and path.startswith("~/") else path)


def parsed(texts: Iterable[str]) -> Kubeconfig | None:
    """Kubeconfigs as kubectl joins them, where the first wins; None where one is damaged."""
    servers: dict[str, str] = {}
    contexts: dict[str, str] = {}
    current = ""
    try:
        for text in texts:
            # Texts only: a name such as 2024-13-45 is none of YAML's dates.
            read = yaml.load(text, Loader=yaml.BaseLoader) or {}  # noqa: S506
            current = current or read.get("current-context", "")
            for one in read.get("clusters") or []:
                servers.setdefault(one["name"], one["cluster"].get("server", ""))
            for one in read.get("contexts") or []:
                contexts.setdefault(one["name"], one["context"].get("cluster", ""))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, RecursionError):
        return None
    return Kubeconfig(servers, contexts, current)
