"""A stack's settings as plain data, to MultusArgs and everything that there is to say of them.

Each key and each network is read by itself, and then the rules look at whatever could be read. So
one fault does not hide another, and nothing is looked at twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Annotated, Any, Final, get_args

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from .args import MultusArgs, configuration, examined
from .findings import Finding, Path, Severity, did_you_mean
from .model import STACK_FILE, Model, tuples
from .networks import AnyNetwork, Network
from .rules import Configuration
from .wording import TOO_DEEP, descriptions, explained, lower_case

NAMESPACE: Final = "multus"
ACCESS_KEYS: Final = ("kubeconfig", "context")
"""Not part of MultusArgs: how to reach the cluster, which is a matter of who runs the program."""
ALIKE: Final = 0.75  # "mutlus" is 0.83 of it, "pulumi" 0.5


@dataclass(frozen=True)
class Parsed:
    """What a stack says, and what there is to say of it."""

    configuration: Configuration
    findings: list[Finding]
    """Everything, errors and the rest; paths begin as in the stack file: `multus:networks`."""
    args: MultusArgs | None
    """None where there is an error."""


def parse(settings: Mapping[str, Any], *, partial: bool = False) -> Parsed:
    """Read settings by key, without namespace.

    partial: nothing is missing; for networks that are looked at without the rest of a stack.
    """
    found: list[Finding] = []
    parts: dict[str, Any] = {}
    networks: dict[int, Any] = {}
    fields = {str(one.validation_alias): (name, one) for name, one in _fields().items()}
    for key in settings:
        if key not in fields:
            known = [*fields, *ACCESS_KEYS]
            found.append(Finding((key,), f"is not a known key. {did_you_mean(key, known)}"))
    for key, (name, field) in fields.items():
        value = settings.get(key)
        if key not in settings or _left_out(value, required=field.is_required()):
            released = settings.get("deploy", "all") in ("all", "")
            if (field.is_required() or (name == "ipam" and released)) and not partial:
                text = lower_case(descriptions(MultusArgs)[name])
                found.append(Finding((key,), f"is missing: {text}"))
        elif key == "networks" and isinstance(value, list):
            networks = _networks(value, found)
        else:
            adapter = _adapter(name, field.annotation, *field.metadata)
            parts.update((name, part) for part in _read(adapter, value, found, (key,)))
    faulty = {name for key, (name, _) in fields.items() if key in settings and name not in parts}
    faulty.discard("networks")
    if partial:
        faulty.add("extra_plugins")  # nobody said which there are
    config = configuration(parts, networks, frozenset(faulty))
    found += examined(config)
    found = [qualified(one) for one in found]
    if partial or any(one.severity is Severity.ERROR for one in found):
        return Parsed(config, found, None)
    args = MultusArgs.model_construct(**parts, networks=tuple(networks.values()))
    args.__dict__["findings"] = tuple(found)  # what the cached property would find again
    return Parsed(config, found, args)


def qualified(finding: Finding) -> Finding:
    """Under the name that stands in the stack file: `multus:networks…`."""
    keys = [f"{NAMESPACE}:{key}" for key in finding.path[:1]]
    return replace(finding, path=(*keys, *finding.path[1:]))


def _fields() -> Mapping[str, Any]:
    return MultusArgs.model_fields


def _left_out(value: Any, *, required: bool) -> bool:
    """Pulumi.yaml's defaults for keys that have none here are as if they were not there."""
    return value == "" or (required and value == {})


def _networks(values: list[Any], found: list[Finding]) -> dict[int, Any]:
    adapter = _adapter("networks[]", Network, *get_args(AnyNetwork)[1:])
    read = ((at, _read(adapter, one, found, ("networks", at))) for at, one in enumerate(values))
    return {at: one for at, [one] in ((at, made) for at, made in read if made)}


def _read(adapter: TypeAdapter[Any], value: Any, found: list[Finding], path: Path) -> list[Any]:
    """The value that the adapter reads, alone in a list; or nothing, and what is wrong with it."""
    try:
        return [adapter.validate_python(value, context=STACK_FILE, by_alias=True, by_name=False)]
    except ValidationError as error:
        found += [one.under(*path) for one in explained(error)]
    except RecursionError:
        found.append(Finding(path, TOO_DEEP))
    return []


_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {}


def _adapter(name: str, annotation: Any, *metadata: Any) -> TypeAdapter[Any]:
    """Reads one field as the model would."""
    if name not in _ADAPTERS:
        model = isinstance(annotation, type) and issubclass(annotation, Model)
        read_lists = () if model else (BeforeValidator(tuples),)
        _ADAPTERS[name] = TypeAdapter(
            Annotated[annotation, "one of MultusArgs' fields", *metadata, *read_lists],
            config=None if model else ConfigDict(strict=True),
        )
    return _ADAPTERS[name]


def misspelt(keys: Iterable[str]) -> Iterator[Finding]:
    """Keys of a namespace that is ours but for a slip: nothing would read them."""
    for key in keys:
        namespace, colon, name = key.partition(":")
        near = get_close_matches(namespace.lower(), [NAMESPACE], cutoff=ALIKE)
        if colon and namespace != NAMESPACE and near:
            yield Finding((key,), f'is read by nothing. Did you mean "{NAMESPACE}:{name}"?')
