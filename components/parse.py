"""A stack's settings as plain data, to MultusArgs and everything that there is to say of them.

Each key and each network is read by itself, and then the rules look at whatever could be read. So
one fault does not hide another, and nothing is looked at twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Final, get_args

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .args import MultusArgs, examined
from .chart.versions import Chart
from .cluster import CLUSTERS, Nodes
from .findings import Finding, Path, Severity, did_you_mean
from .model import STACK_FILE, Model, tuples
from .networks import AnyNetwork, Network
from .rules import Configuration, Declared
from .sources import Source
from .wording import TOO_DEEP, descriptions, explained, lower_case

NAMESPACE: Final = "multus"
PREFIX: Final = f"{NAMESPACE}:"
ACCESS_KEYS: Final = ("kubeconfig", "context")
"""Not part of MultusArgs: how to reach the cluster, which is a matter of who runs the program."""


class Files(Model):
    """What a stack alone has: a program in Python reads files by itself."""

    network_files: tuple[str, ...] = ()
    """Patterns of files with more networks, from the folder of Pulumi.yaml: networks/*.yaml."""


FIELDS: Final[Mapping[str, FieldInfo]] = {**MultusArgs.model_fields, **Files.model_fields}
KEYS: Final = (*(str(one.validation_alias) for one in FIELDS.values()), *ACCESS_KEYS)


@dataclass(frozen=True)
class Parsed:
    """What a stack says, and what there is to say of it."""

    configuration: Configuration
    findings: list[Finding]
    """Everything, errors and the rest; paths begin as in the stack file: `multus:networks`. Those
    of a network in a file of its own have file and line, and begin with its namespace/name."""
    networks: int
    """How many there are, sound or not."""
    whole: bool = True
    """Whether it is a whole stack."""

    @cached_property
    def args(self) -> MultusArgs | None:
        """None where there is an error, or no whole stack."""
        if self.whole and all(one.severity is not Severity.ERROR for one in self.findings):
            return MultusArgs.of_stack(self.configuration, self.findings)
        return None


def unknown(key: str) -> Finding:
    """What is said of a key that no setting has."""
    for place, kinds in (("cluster", CLUSTERS.values()), ("chart", [Chart])):
        if any(key in kind.known_keys() for kind in kinds):
            return Finding((key,), f"is a key of {PREFIX}{place}. Write it there")
    return Finding((key,), f"is not a known key. {did_you_mean(key, KEYS)}")


def parse(
    settings: Mapping[str, Any],
    sources: Sequence[Source] = (),
    *,
    partial: Nodes | None = None,
) -> Parsed:
    """Read settings by key, without namespace.

    sources: networks beside those of the settings. partial: how many nodes there are, where
    networks are looked at without the rest of a stack and nothing is missing.
    """
    found: list[Finding] = []
    parts: dict[str, Any] = {} if partial is None else {"nodes": partial}
    own: list[Any] = []
    fields = {str(one.validation_alias): (name, one) for name, one in FIELDS.items()}
    found += (unknown(key) for key in settings if key not in fields)
    for key, (name, field) in fields.items():
        value = settings.get(key)
        if key not in settings or _left_out(value, required=field.is_required()):
            released = settings.get("deploy", "all") in ("all", "")
            if partial is None and (field.is_required() or (name == "ipam" and released)):
                text = lower_case(descriptions(MultusArgs)[name])
                found.append(Finding((key,), f"is missing: {text}"))
        elif key == "networks" and isinstance(value, list):
            own = value
        else:
            adapter = _adapter(name, field.annotation, *field.metadata)
            parts.update((name, part) for part in _read(adapter, value, found, (key,)))
    faulty = {name for key, (name, _) in fields.items() if key in settings and name not in parts}
    faulty.discard("networks")
    if partial is not None:
        faulty.add("extra_plugins")  # nobody said which there are
    parts.pop("network_files", None)
    written: list[tuple[Any, Source | None]] = [
        *((one, None) for one in own),
        *((one.network, one) for one in sources),
    ]
    networks = tuple(_networks(written, found))
    config = Configuration(parts, networks, frozenset(faulty))
    by_index = {index: source for index, (_, source) in enumerate(written) if source}
    said = [placed(one, by_index) for one in [*found, *examined(config)]]
    return Parsed(config, said, len(written), whole=partial is None)


def placed(finding: Finding, sources: Mapping[int, Source]) -> Finding:
    """As the user finds it: in its file, or under the stack file's name, `multus:networks…`.

    sources: of the networks in files of their own, by their index.
    """
    match finding.path:
        case "networks", int(index), *below if index in sources:
            return sources[index].locate(finding, tuple(below))
        case key, *below if not finding.file:
            return replace(finding, path=(f"{PREFIX}{key}", *below))
    return finding


def _left_out(value: Any, *, required: bool) -> bool:
    """Pulumi.yaml's defaults for keys that have none here are as if they were not there."""
    return value == "" or (required and value == {})


def _networks(
    written: Sequence[tuple[Any, Source | None]], found: list[Finding]
) -> Iterator[Declared]:
    """The networks that can be read; what is wrong with the others, and with manifests, is added.

    Each is of the stack file, or of another.
    """
    adapter = _adapter("networks[]", Network, *get_args(AnyNetwork)[1:])
    for index, (value, source) in enumerate(written):
        path: Path = ("networks", index)
        faults: list[Finding] = []
        made = _read(adapter, value, faults, path)
        if source:
            known = {one.path for one in source.refused}
            faults = [one for one in faults if source.as_written(one.path[2:]) not in known]
            faults += (one.under(*path) for one in source.refused)
        found += faults
        yield from (Declared(index, one, path, source) for one in made)


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
