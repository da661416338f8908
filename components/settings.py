"""A stack's config to MultusArgs: the only reader of pulumi.Config.

The CLI hands every value over as text: scalars as they are, lists and mappings as JSON. All of
it is checked before anything is registered, and every fault is reported at once in one error
that prints without a traceback. Keys of other namespaces (`kubernetes:`, `pulumi:`) are not ours
and are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from components.access import Access, no_context
from components.args import MultusArgs
from components.check import check
from components.faults import MISSING, Fault, attempt, did_you_mean, missing, unique
from components.model import DEEPEST, FROM_YAML, Model, too_deep, tuples
from components.networks import Network

NAMESPACE: Final = "multus"
ALIKE: Final = 0.75  # "mutlus" is 0.83 of it, "pulumi" 0.5

# What Pulumi.yaml's defaults are for keys that have none here: as if they were not there. The
# former are for keys that must be given, the latter for texts that may be left out.
EMPTY: Final[tuple[Any, ...]] = ("", {})
NO_TEXT: Final = ""

SECRET_KEYS: Final = ("extraValues", "kubeconfig")

# Not part of MultusArgs: how to reach the cluster, which is a matter of who runs the program.
ACCESS_KEYS: Final = ("kubeconfig", "context")


class StackFileError(pulumi.RunError):
    """A stack file with faults; the message has the count first, then one line for each."""

    def __init__(self, file: str, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "".join(f"\n  {file}: {fault}" for fault in faults)
        super().__init__(f"{file} has {count}; nothing was changed.{lines}")


@dataclass(frozen=True)
class Settings:
    """What a stack says: what to deploy, and how to reach the cluster."""

    args: MultusArgs
    access: Access
    secret_values: bool
    """Whether the raw Helm values hold a secret, and so all of them are kept as one."""


def load() -> Settings:
    """The settings of the stack that runs; raises StackFileError."""
    config = pulumi.Config(NAMESPACE)
    raw, secret = _raw()
    faults = [*misspelt(_everything()), *_exposed(raw, secret), *_context(raw)]
    if hidden := secret - {*SECRET_KEYS}:
        # Nothing else is read: a message about a secret would have to leave out what is wrong.
        raise StackFileError(stack_file(), [*faults, *map(_needless_secret, sorted(hidden))])
    access = Access(
        config.get_secret("kubeconfig") if "kubeconfig" in raw else None, raw.get("context")
    )
    args, found = parse(
        {key: decoded(value) for key, value in raw.items() if key not in ACCESS_KEYS}
    )
    faults += [_redacted(fault, secret) for fault in found]
    if faults or args is None:
        raise StackFileError(stack_file(), faults)
    return Settings(args, access, "extraValues" in secret)


def _raw() -> tuple[dict[str, Any], set[str]]:
    """Our config by key without namespace, and which of the keys are secret.

    `pulumi.Config` cannot list its keys, and an unknown key must not pass in silence.
    """
    prefix = f"{NAMESPACE}:"
    ours = {
        key.removeprefix(prefix): value
        for key, value in _everything().items()
        if key.startswith(prefix)
    }
    listed = pulumi_config.get_config_secret_keys_env()
    secret = {
        key
        for key in ours
        if pulumi_config.is_config_secret(prefix + key) or prefix + key in listed
    }
    return ours, secret


def _everything() -> dict[str, Any]:
    """The config of all namespaces."""
    return pulumi_config.get_config_env() | pulumi_config.CONFIG.get()


def misspelt(keys: Iterable[str]) -> Iterator[Fault]:
    """Keys of a namespace that is ours but for a slip: nothing would read them."""
    for key in keys:
        namespace, colon, name = key.partition(":")
        if (
            colon
            and namespace != NAMESPACE
            and get_close_matches(namespace.lower(), [NAMESPACE], cutoff=ALIKE)
        ):
            yield Fault((key,), f'is read by nothing. Did you mean "{NAMESPACE}:{name}"?')


def _exposed(raw: Mapping[str, Any], secret: set[str]) -> Iterator[Fault]:
    if "kubeconfig" in raw and "kubeconfig" not in secret:
        yield Fault(
            (f"{NAMESPACE}:kubeconfig",),
            "is in clear, but it holds credentials. Set it with "
            '"pulumi config set --secret multus:kubeconfig"',
        )


def _context(raw: Mapping[str, Any]) -> Iterator[Fault]:
    """A context that the stack's own kubeconfig does not have; an ambient one is read later."""
    if raw.get("context") and raw.get("kubeconfig"):
        rule = no_context(raw["context"], [raw["kubeconfig"]], secret=True)
        if rule:
            yield Fault((f"{NAMESPACE}:context",), rule, raw["context"])


def _needless_secret(key: str) -> Fault:
    return Fault(
        (f"{NAMESPACE}:{key}",),
        f"is a secret, and only {' and '.join(SECRET_KEYS)} can be: the rest is in clear in the "
        "cluster. Set it again without --secret",
    )


def _redacted(fault: Fault, secret: set[str]) -> Fault:
    """A fault in a secret setting, without the value."""
    key = str(fault.path[0]).removeprefix(f"{NAMESPACE}:")
    return (
        replace(fault, value="[secret]") if key in secret and fault.value is not MISSING else fault
    )


def stack_file() -> str:
    """The stack's file as the user knows it, relative to the project."""
    return str(Path("stacks") / f"Pulumi.{pulumi.get_stack()}.yaml")


def decoded(value: Any) -> Any:
    """A config value as YAML had it: the CLI passes lists, mappings, numbers and booleans as JSON.

    A text that is no JSON stands for itself, and so does a number of the wrong form: `v4.3.017`.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # the latter: nested beyond all reason
        return value


def parse(raw: Mapping[str, Any]) -> tuple[MultusArgs | None, list[Fault]]:
    """Raw settings by key, without namespace, to MultusArgs; None where there is any fault.

    Every key, and every network, is validated by itself; the checks across them run over
    whatever is sound.
    """
    faults: list[Fault] = []
    parts: dict[str, Any] = {}
    fields = {field.alias or name: (name, field) for name, field in MultusArgs.model_fields.items()}
    for key in raw:
        if key not in fields:
            known = [*fields, *ACCESS_KEYS]
            faults.append(Fault((key,), f"is not a known key. {did_you_mean(key, known)}"))
    for key, (name, field) in fields.items():
        value = raw.get(key, MISSING)
        empty = EMPTY if field.is_required() else (NO_TEXT,) if field.default is None else ()
        if value is MISSING or value in empty:
            if field.is_required():
                faults.append(missing(key, field.description))
            continue
        if too_deep(value):
            faults.append(Fault((key,), f"is nested more than {DEEPEST} levels deep"))
        elif key == "networks" and isinstance(value, list):
            parts[name], found = _networks(value)
            faults += [fault.under(key) for fault in found]
        else:
            part, found = attempt(_from_yaml(_adapter(name)), value)
            if not found:
                parts[name] = part
            faults += [fault.under(key) for fault in found]
    unsound = {name for key, (name, _) in fields.items() if key in raw and name not in parts}
    faults = unique([*faults, *check(parts, unsound)])
    if faults:
        return None, [_qualified(fault) for fault in faults]
    networks = tuple(parts.pop("networks", {}).values())
    return MultusArgs(**parts, networks=networks), []


def _networks(values: list[Any]) -> tuple[dict[int, Any], list[Fault]]:
    sound: dict[int, Any] = {}
    faults: list[Fault] = []
    for index, value in enumerate(values):
        network, found = attempt(_from_yaml(_network_adapter()), value)
        if network is not None:
            sound[index] = network
        faults += [fault.under(index) for fault in found]
    return sound, faults


def _qualified(fault: Fault) -> Fault:
    """The fault under the name that stands in the stack file: `multus:networks…`."""
    key, *rest = fault.path
    return replace(fault, path=(f"{NAMESPACE}:{key}", *rest))


def _from_yaml(adapter: TypeAdapter[Any]) -> Callable[[Any], Any]:
    return lambda value: adapter.validate_python(
        value, context=FROM_YAML, by_alias=True, by_name=False
    )


@cache
def _network_adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Network)


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    """Checks one field of MultusArgs as the model would."""
    field = MultusArgs.model_fields[name]
    annotation: Any = field.annotation
    if field.discriminator:
        return TypeAdapter(Annotated[annotation, Field(discriminator=field.discriminator)])
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return TypeAdapter(annotation)
    return TypeAdapter(
        Annotated[annotation, *field.metadata, BeforeValidator(tuples)],
        config=ConfigDict(strict=True),
    )
