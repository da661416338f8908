"""How the cluster is reached: the Kubernetes provider and the commands always reach the same one.

With a provider in the component's options the commands take its inputs. Without one it is made
from an `Access`. A kubeconfig says who asks, not what is deployed: with `cluster_identifier` a
rotated certificate or a moved API server updates the provider and replaces nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.sync_await import _sync_await
from pulumi_kubernetes import Provider

from .cluster_tasks.kubectl import NO_CLUSTER
from .findings import did_you_mean, shown
from .kubeconfig import Kubeconfig, NoKubeconfigError, ambient, expanded, parsed

INPUTS: Final = ("kubeconfig", "context", "cluster")
# A provider whose identifier changes is replaced, and with it every release and network. So it
# names neither stack nor project, which can be renamed, and is never changed once it is there.
IDENTIFIER: Final = "multus"
KEPT: Final = pulumi.ResourceOptions(ignore_changes=["clusterIdentifier"])
WINDOWS: Final = os.name == "nt"
HELM_DRIVERS: Final = ("secret", "secrets")


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

    def __post_init__(self) -> None:
        for name in INPUTS:
            value = getattr(self, name)
            if not (value is None or isinstance(value, str | pulumi.Output | Awaitable)):
                raise TypeError(f"{name} of Access is a text, not {type(value).__name__}")

    def environment(self) -> dict[str, pulumi.Input[str]]:
        """The environment of the tasks in `cluster_tasks`; empty where all is ambient."""
        secret = self.kubeconfig and pulumi.Output.secret(self.kubeconfig)
        given = zip(INPUTS, (secret, self.context, self.cluster), strict=True)
        return {f"MULTUS_{key.upper()}": value for key, value in given if value is not None}


@contextmanager
def _defaults_hidden() -> Iterator[None]:
    """The SDK would copy KUBECONFIG and PULUMI_K8S_… into the provider's inputs.

    That is a path of this machine in the state, a list of files taken for the name of one, and a
    diff on every other machine. The plugin has the variables from the engine, and reads them.
    """
    names = [one for one in os.environ if one == "KUBECONFIG" or one.startswith("PULUMI_K8S_")]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def provider(
    access: Access, name: str = "cluster", opts: pulumi.ResourceOptions | None = None
) -> Provider:
    """A Kubernetes provider for the cluster; raises KubeconfigError."""
    if access.kubeconfig is not None:
        kubeconfig: pulumi.Input[str] | None = pulumi.Output.secret(access.kubeconfig)
    else:
        paths, own = _ambient()
        kubeconfig = str(paths[0]) if own else None
    with _defaults_hidden():
        return Provider(
            name,
            kubeconfig=kubeconfig,
            context=access.context,
            cluster=access.cluster,
            cluster_identifier=IDENTIFIER,
            opts=pulumi.ResourceOptions.merge(opts, KEPT),
        )


def provider_in(
    opts: pulumi.ResourceOptions | None, package: str = "kubernetes"
) -> pulumi.ProviderResource | None:
    """The provider of a package that the options name or inherit."""
    if opts is None:
        return None
    several = opts.providers or []
    found = [opts.provider, *(several.values() if isinstance(several, Mapping) else several)]
    if opts.parent is not None:
        found.append(opts.parent.get_provider(f"{package}:index:Any"))
    return next((one for one in found if one is not None and one.package == package), None)


def resolved(given: pulumi.ProviderResource | None, access: Access | None) -> Access:
    """How commands reach the cluster of the provider `given`; raises KubeconfigError.

    Without a provider: `access`, or what the stack's config says to the default provider.
    """
    if not isinstance(access, Access | None):
        raise TypeError(f"access is an Access(kubeconfig, context), not {type(access).__name__}")
    if given is None:
        found = access
        if access is None or not access.environment():
            config = pulumi.Config("kubernetes")
            values = (config.get_secret("kubeconfig"), config.get("context"), config.get("cluster"))
            found = Access(*values)
    else:
        name = f'the Kubernetes provider "{str(known(given.urn)[0]).rpartition("::")[2]}" in opts'
        found = _access_of(given, name)
        if access is not None:
            raise KubeconfigError(
                f"{name} reaches {described(found)}, but access= reaches {described(access)}: that "
                "could be two clusters. Leave out access=, and the commands follow the provider"
            )
    assert found is not None
    if wrong := _wrong(found):
        raise KubeconfigError(wrong)
    return found


def _access_of(given: pulumi.ProviderResource, name: str) -> Access:
    inputs = {key: vars(given).get(key) for key in INPUTS}
    if not all(isinstance(value, pulumi.Output) for value in inputs.values()):
        raise KubeconfigError(
            f"{name} does not say which cluster it reaches, so that commands cannot follow it. "
            "Leave it out, and pass kubeconfig and context, in Python as access=Access(…)"
        )
    values = {key: known(value)[0] for key, value in inputs.items()}
    if not values["kubeconfig"] and _ambient()[1]:
        raise KubeconfigError(f"{name} finds no kubeconfig. Set its kubeconfig, or KUBECONFIG")
    return Access(**{key: inputs[key] for key, value in values.items() if value not in (None, "")})


def beside(
    token: str, name: str, opts: pulumi.ResourceOptions | None, suffix: str
) -> pulumi.ResourceOptions:
    """Options of a provider beside a component of type `token`.

    `pulumi state move` moves none that is inside. It is found in the state under each name that
    the component had, and where it was inside.
    """
    parent = opts.parent if opts else None
    inside = pulumi.Alias(parent=pulumi.resource.create_urn(name, token, parent))
    renamed = [
        pulumi.Alias(name=f"{one.name}-{suffix}", parent=one.parent)
        for one in (opts.aliases if opts else None) or ()
        if isinstance(one, pulumi.Alias) and isinstance(one.name, str)
    ]
    protect = opts.protect if opts else None  # which the parent that a provider's process has lacks
    return pulumi.ResourceOptions(parent=parent, protect=protect, aliases=[inside, *renamed])


def unsupported(given: pulumi.ProviderResource | None) -> str | None:
    """What keeps the program from working with this machine or provider, known at preview."""
    if WINDOWS:
        return (
            "Multus cannot be deployed from Windows: the commands need a POSIX shell. "
            "Run Pulumi in WSL, or on Linux or macOS"
        )
    if given is None:
        config = pulumi.Config("kubernetes")
        inputs: dict[str, Any] = {"renderYamlToDirectory": config.get("renderYamlToDirectory")}
    elif not vars(given).keys() >= {*INPUTS}:  # a reference, which `resolved` refuses
        inputs = {}
    else:  # by the engine: the SDK's provider loses what is two words
        found = {"urn": known(given.urn)[0]}
        inputs = pulumi.runtime.invoke("pulumi:pulumi:getResource", found).value["state"]
    if inputs.get("renderYamlToDirectory"):
        return (
            "the Kubernetes provider renders to files (renderYamlToDirectory), but the Helm "
            "releases and the commands would go to the live cluster. Use a provider without it"
        )
    settings = inputs.get("helmReleaseSettings")
    settings = json.loads(settings) if isinstance(settings, str) else settings or {}
    driver = settings.get("driver") or os.environ.get("PULUMI_K8S_HELM_DRIVER") or "secret"
    if driver not in HELM_DRIVERS:
        return (
            f"Helm's driver is {shown(driver)}, but releases are looked for in Secrets alone. "
            'Unset PULUMI_K8S_HELM_DRIVER, or set it (or the provider\'s driver) to "secret"'
        )
    return None


def known(value: pulumi.Input[Any]) -> tuple[Any, bool]:
    """A value, and whether it is secret; a pulumi.output.Unknown where a preview cannot know it.

    At preview the SDK has inputs that are left out for unknown: only their value, None, tells.
    Waits as the SDK's invokes do, while the event loop goes on.
    """
    output = value if isinstance(value, pulumi.Output) else pulumi.Output.from_input(value)
    return _sync_await(output.future(with_unknowns=True)), _sync_await(output.is_secret())


def described(access: Access) -> str:
    """Context and API server, as far as they are known and no secret."""
    read, secret = (None, False)
    with suppress(KubeconfigError):
        read, secret = _read(access)
    context = known(access.context)[0]
    chosen = context if isinstance(context, str) else "" if read is None or secret else read.current
    text = f"context {shown(chosen)}" if chosen else "the current context"
    return text if secret or not (at := server(access)) else f"{text} at {at}"


def server(access: Access) -> str | None:
    """The API server, where it is known."""
    with suppress(KubeconfigError):
        if read := _read(access)[0]:
            context, cluster = (known(one)[0] for one in (access.context, access.cluster))
            return read.servers.get(cluster or read.contexts.get(context or read.current, ""))
    return None


def _ambient() -> tuple[list[Path], bool]:
    try:
        return ambient()
    except NoKubeconfigError as error:
        raise KubeconfigError(str(error)) from None


def _wrong(access: Access) -> str | None:
    """Why no cluster can be reached; of a secret kubeconfig no name is said."""
    read, secret = _read(access)
    context = known(access.context)[0]
    if read is None or not isinstance(context, str | None):
        return None
    chosen = context or read.current
    if not chosen:
        named = access.cluster is not None or os.environ.get("KUBERNETES_SERVICE_HOST")
        return None if named else NO_CLUSTER
    if chosen in read.contexts:
        return None
    which = f"the {'context' if context else 'current context'} is "
    which += '"[secret]"' if secret and not context else shown(chosen)
    if not read.contexts:
        return f"{which}, but the kubeconfig has no contexts"
    hint = "" if secret else f". {did_you_mean(chosen, read.contexts)}"
    return f"{which}, but the kubeconfig has no context of that name{hint}"


def _read(access: Access) -> tuple[Kubeconfig | None, bool]:
    """The kubeconfig, as far as it is known and not damaged, and whether it is secret."""
    given, secret = known(access.kubeconfig)
    texts: list[str] = []
    with suppress(UnicodeDecodeError, OSError):
        if given in (None, ""):
            texts = [path.read_text(encoding="utf-8") for path in _ambient()[0]]
            if not texts:  # a pod's service account
                return None, False
        elif not isinstance(given, str):
            return None, secret
        elif "\n" in given or given.startswith("{"):
            texts = [given]
        else:
            file = expanded(given)
            if not file.is_file():
                name = "neither content nor a" if secret else f"{shown(given)}, which is no"
                raise KubeconfigError(f"the kubeconfig is {name} file where Pulumi runs")
            texts = [file.read_text(encoding="utf-8")]
        return parsed(texts), secret
    return None, secret  # kubectl says what is wrong with it


# By run: of a program its root resource, of a provider's process the event loop.
_deployed: Final[WeakKeyDictionary[object, dict[str, str]]] = WeakKeyDictionary()


def refuse_a_second(name: str, server: str | None) -> None:
    """Raise pulumi.RunError: with another component of this run there it would share releases."""
    if server is None:
        return
    run = pulumi.runtime.get_root_resource() or asyncio.get_event_loop()
    if (other := _deployed.setdefault(run, {}).setdefault(server, name)) != name:
        raise pulumi.RunError(
            f'the component "{name}" deploys Multus to {server}, and so does "{other}". Give the '
            'networks of both to one, or set deploy="networks" for one. '
            f'Nothing of "{name}" was made'
        )
