"""How the cluster is reached: the Kubernetes provider and the commands always reach the same one.

With a provider in the component's options the commands take its inputs. Without one it is made
from an `Access`. A kubeconfig says who asks, not what is deployed: with `cluster_identifier` a
rotated certificate or a moved API server updates the provider and replaces nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi
import yaml
from pulumi.runtime.sync_await import _sync_await
from pulumi_kubernetes import Provider

from .findings import did_you_mean, shown

K3S_KUBECONFIG: Final = Path("/etc/rancher/k3s/k3s.yaml")
RKE2_KUBECONFIG: Final = Path("/etc/rancher/rke2/rke2.yaml")
INPUTS: Final = ("kubeconfig", "context", "cluster")


class KubeconfigError(pulumi.RunError):
    """The cluster cannot be reached, or commands and provider could reach different ones."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}{'' if text.endswith(('.', '?')) else '.'} Nothing was changed")


@dataclass(frozen=True)
class Access:
    """A kubeconfig (its content, which is kept secret, or its path), a context and a cluster in it.

    What is None is ambient: kubectl's own kubeconfig, its current context, the context's cluster.
    """

    kubeconfig: pulumi.Input[str] | None = None
    context: pulumi.Input[str] | None = None
    cluster: pulumi.Input[str] | None = None

    def environment(self) -> dict[str, pulumi.Input[str]]:
        """The environment of the tasks in `cluster_tasks`; empty where all is ambient."""
        secret = self.kubeconfig and pulumi.Output.secret(self.kubeconfig)
        given = zip(INPUTS, (secret, self.context, self.cluster), strict=True)
        return {f"MULTUS_{key.upper()}": value for key, value in given if value is not None}


# The providers that were made here, and from what.
_made: Final[WeakKeyDictionary[pulumi.ProviderResource, Access]] = WeakKeyDictionary()


def provider(
    access: Access, name: str = "cluster", opts: pulumi.ResourceOptions | None = None
) -> Provider:
    """A Kubernetes provider for the cluster; raises KubeconfigError."""
    kubeconfig = kubeconfig_of(access)
    # The SDK would copy KUBECONFIG into the inputs: a path of this machine in the state, a diff on
    # every other machine, and a list of files taken for the name of one. The plugin has the
    # variable from the engine and reads it as kubectl does.
    hidden = os.environ.pop("KUBECONFIG", None)
    try:
        made = Provider(
            name,
            kubeconfig=kubeconfig,
            context=access.context,
            cluster=access.cluster,
            cluster_identifier=f"{pulumi.get_project()}/{pulumi.get_stack()}",
            opts=opts,
        )
    finally:
        if hidden is not None:
            os.environ["KUBECONFIG"] = hidden
    _made[made] = access
    return made


def kubeconfig_of(access: Access) -> pulumi.Input[str] | None:
    """What a provider needs, None where it finds a kubeconfig as kubectl does."""
    if access.kubeconfig is not None:
        return pulumi.Output.secret(access.kubeconfig)
    paths, own = ambient()
    with suppress(OSError, UnicodeDecodeError):  # kubectl says it better
        texts = [path.read_text(encoding="utf-8") for path in paths]
        if isinstance(access.context, str) and (wrong := no_context(access.context, texts)):
            raise KubeconfigError(f"the context is {shown(access.context)}, but {wrong}")
    return str(paths[0]) if own else None


def provider_in(opts: pulumi.ResourceOptions | None) -> pulumi.ProviderResource | None:
    """The Kubernetes provider that the options name or inherit."""
    if opts is None:
        return None
    several = opts.providers or []
    found = [opts.provider, *(several.values() if isinstance(several, Mapping) else several)]
    if opts.parent is not None:
        found.append(opts.parent.get_provider("kubernetes:core/v1:Namespace"))
    return next((one for one in found if one is not None and one.package == "kubernetes"), None)


def resolved(given: pulumi.ProviderResource | None, access: Access | None) -> Access:
    """How commands reach the cluster of the provider `given`; raises KubeconfigError.

    Without a provider: `access`, or what the stack's config says to the default provider.
    """
    if given is None:
        if access is None or not access.environment():
            config = pulumi.Config("kubernetes")
            values = (config.get_secret("kubeconfig"), config.get("context"), config.get("cluster"))
            access = Access(*values)
        kubeconfig_of(access)
        return access
    name = f'the Kubernetes provider "{str(known(given.urn)[0]).rpartition("::")[2]}" in opts'
    found = _made.get(given) or _access_of(given, name)
    if access is not None and access is not found:
        raise KubeconfigError(
            f"{name} reaches {described(found)}, but access= reaches {described(access)}: that "
            "could be two clusters. Leave out access=, and the commands follow the provider"
        )
    return found


def _access_of(given: pulumi.ProviderResource, name: str) -> Access:
    inputs = {key: vars(given).get(key) for key in INPUTS}
    if not all(isinstance(value, pulumi.Output) for value in inputs.values()):
        raise KubeconfigError(
            f"{name} does not say which cluster it reaches, so that commands cannot follow it. "
            "Leave it out, and pass access=Access(kubeconfig, context)"
        )
    values = {key: known(value)[0] for key, value in inputs.items()}
    if values["kubeconfig"] is None and ambient()[1]:
        raise KubeconfigError(f"{name} finds no kubeconfig. Set its kubeconfig, or KUBECONFIG")
    return Access(**{key: inputs[key] for key, value in values.items() if value is not None})


def known(value: pulumi.Input[Any]) -> tuple[Any, bool]:
    """A value, and whether it is secret; a pulumi.output.Unknown where a preview cannot know it.

    At preview the SDK has inputs that are left out for unknown: only their value, None, tells.
    Waits as the SDK's invokes do, while the event loop goes on.
    """
    output = value if isinstance(value, pulumi.Output) else pulumi.Output.from_input(value)
    return _sync_await(output.future(with_unknowns=True)), _sync_await(output.is_secret())


def described(access: Access) -> str:
    """Context and API server, as far as they are known and no secret."""
    kubeconfig, secret = known(access.kubeconfig)
    context = known(access.context)[0]
    texts: list[str] = []
    with suppress(OSError, UnicodeDecodeError, KubeconfigError):
        if kubeconfig is None:
            texts = [path.read_text(encoding="utf-8") for path in ambient()[0]]
        elif isinstance(kubeconfig, str) and not secret:
            content = "\n" in kubeconfig or kubeconfig.startswith("{")
            texts = [kubeconfig if content else Path(kubeconfig).read_text(encoding="utf-8")]
    servers, current = contexts(texts) or ({}, "")
    chosen = context if isinstance(context, str) else current
    shown = f'context "{chosen}"' if chosen else "the current context"
    return f"{shown} at {server}" if (server := servers.get(chosen)) else shown


def ambient() -> tuple[list[Path], bool]:
    """The kubeconfig's files, none in a pod, and whether kubectl does not find them by itself."""
    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    for path in named or [Path.home() / ".kube" / "config"]:
        if path.is_file():
            return [one for one in named or [path] if one.is_file()], False
    if named:
        raise KubeconfigError(f"KUBECONFIG names {named[0]}, which is no file")
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return [], False  # kubectl and the provider use the pod's service account
    for own in (K3S_KUBECONFIG, RKE2_KUBECONFIG):
        if own.is_file() and os.access(own, os.R_OK):
            return [own], True
        if own.is_file():
            fix = "Run as root, or copy it and set KUBECONFIG"
            raise KubeconfigError(f"{own} cannot be read by this user. {fix}")
    raise KubeconfigError(
        "there is no kubeconfig. Set KUBECONFIG, or run on a server of K3s, where "
        f"{K3S_KUBECONFIG} is, or of RKE2, where {RKE2_KUBECONFIG} is"
    )


def no_context(context: str, kubeconfigs: Iterable[str], *, secret: bool = False) -> str | None:
    """What is wrong with a context, as a finding's message; None where nothing is known to be.

    `kubeconfigs` are contents. Of a `secret` one no name is said.
    """
    found = contexts(kubeconfigs)
    if found is None or context in found[0]:
        return None
    if not found[0] and not secret:
        return "the kubeconfig has no contexts"
    hint = "" if secret else f". {did_you_mean(context, found[0])}"
    return f"the kubeconfig has no context of that name{hint}"


def contexts(kubeconfigs: Iterable[str]) -> tuple[dict[str, str], str] | None:
    """API server by context, and the current context; None where a kubeconfig is damaged."""
    servers: dict[str, str] = {}
    clusters: dict[str, str] = {}
    current = ""
    try:
        for text in kubeconfigs:
            # Texts only: a name such as 2024-13-45 is none of YAML's dates.
            read = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
            current = current or read.get("current-context", "")
            for one in read.get("clusters", []):
                servers.setdefault(one["name"], one["cluster"].get("server", ""))
            for one in read.get("contexts", []):
                clusters.setdefault(one["name"], one["context"].get("cluster", ""))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, RecursionError):
        return None  # kubectl says what is wrong with it
    return {name: servers.get(cluster, "") for name, cluster in clusters.items()}, current
