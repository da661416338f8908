"""How to reach the cluster: one Kubernetes provider that a new kubeconfig never replaces.

A kubeconfig is a secret of the stack or ambient, by kubectl's own rules, and the file of K3s or
RKE2 serves where there is none. It says who asks, not what is deployed: with `cluster_identifier`
a rotated certificate or a moved API server updates the provider and replaces nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import yaml
from pulumi_kubernetes import Provider

from components.faults import Fault, did_you_mean

K3S_KUBECONFIG: Final = "/etc/rancher/k3s/k3s.yaml"
NULLS: Final = ("null", "~")  # as texts, which is how a kubeconfig is read here
RKE2_KUBECONFIG: Final = "/etc/rancher/rke2/rke2.yaml"


class KubeconfigError(pulumi.RunError):
    """There is no kubeconfig to reach a cluster with, or not the context that was asked for."""


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


def provider(access: Access, name: str = "cluster") -> Provider:
    """The provider for the stack's cluster; raises KubeconfigError.

    name: of the resource; a program for several clusters needs one for each.
    """
    kubeconfig: pulumi.Input[str] | None = access.kubeconfig
    if kubeconfig is None:
        kubeconfig = ambient(os.environ, Path.home())
        refuse_context(access.context, files(os.environ, Path.home(), kubeconfig))
    with _unset("KUBECONFIG"):
        return Provider(
            name,
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


def files(environment: Mapping[str, str], home: Path, fallback: str | None) -> list[Path]:
    """The files that kubectl reads, of which `fallback` is what `ambient` said; none in a pod."""
    if fallback is not None:
        return [Path(fallback)]
    named = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [path for path in (named or [home / ".kube" / "config"]) if path.is_file()]


def refuse_context(context: str | None, paths: Iterable[Path]) -> None:
    """Raise KubeconfigError where kubectl would not find the context in the files."""
    if not context:
        return
    try:
        texts = [path.read_text(encoding="utf-8") for path in paths]
    except (OSError, UnicodeDecodeError):
        return  # kubectl says it better
    if rule := no_context(context, texts):
        fault = Fault(("multus:context",), rule, context)
        raise KubeconfigError(f"{fault} Nothing was changed")


def no_context(context: str, kubeconfigs: Iterable[str], *, secret: bool = False) -> str | None:
    """What is wrong with a context, as a Fault's rule; None where nothing is, or nothing is known.

    `kubeconfigs` are contents. Of a `secret` one no name is said.
    """
    known: list[str] = []
    for text in kubeconfigs:
        try:
            # Texts only: a name such as 2024-13-45 is none of YAML's dates.
            read = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
            contexts = read.get("contexts") or []
            if contexts not in NULLS:
                known += [str(one["name"]) for one in contexts]
        except (yaml.YAMLError, AttributeError, KeyError, TypeError, RecursionError):
            return None  # damaged, of which kubectl complains
    if context in known:
        return None
    rule = "the kubeconfig has no context of that name."
    if secret:
        return rule
    return f"{rule} {did_you_mean(context, known)}" if known else "the kubeconfig has no contexts."
