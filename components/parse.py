"""A stack's settings as plain data, to MultusArgs and everything that there is to say of them.

Each key and each network is read by itself, and then the rules look at whatever could be read. So
one fault does not hide another, and nothing is looked at twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, get_args

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .args import MultusArgs, examined
from .cluster import Nodes
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


@dataclass(frozen=True)
class Parsed:
    """What a stack says, and what there is to say of it."""

    configuration: Configuration
    findings: list[Finding]
    """Everything, errors and the rest; paths begin as in the stack file: `multus:networks`."""
    args: MultusArgs | None
    """None where there is an error."""
    sources: Mapping[str | int, Source]
    """The networks from files of their own, by what the paths of their findings begin with."""
    networks: int
    """How many there are, sound or not."""

    def located(self, findings: Iterable[Finding], own: Callable[[Finding], Finding]) -> Parsed:
        """The same with these findings, each with its file and line; with errors no arguments.

        own: gives them to a finding that is about no network of another file.
        """
        found = [
            one
            if one.file
            else self.sources[one.path[0]].locate(one)
            if one.path and one.path[0] in self.sources
            else own(one)
            for one in findings
        ]
        args = None if any(one.severity is Severity.ERROR for one in found) else self.args
        if args is not None:
            args.__dict__["findings"] = tuple(found)
        return replace(self, findings=found, args=args)


def parse(
    settings: Mapping[str, Any],
    sources: Sequence[Source] = (),
    more: Iterable[Finding] = (),
    *,
    partial: Nodes | None = None,
) -> Parsed:
    """Read settings by key, without namespace.

    sources: networks beside those of the settings. more: what is known to be wrong already.
    partial: how many nodes there are, where networks are looked at without the rest of a stack and
    nothing is missing.
    """
    found: list[Finding] = [*more]
    parts: dict[str, Any] = {} if partial is None else {"nodes": partial}
    own: list[Any] = []
    fields = {str(one.validation_alias): (name, one) for name, one in FIELDS.items()}
    for key in settings:
        if key not in fields:
            known = [*fields, *ACCESS_KEYS]
            found.append(Finding((key,), f"is not a known key. {did_you_mean(key, known)}"))
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
    files = _labelled(sources)
    networks = [*_networks(own, files, found)]
    config = Configuration(parts, tuple(networks), frozenset(faulty))
    found = [qualified(one, files) for one in [*found, *examined(config)]]
    args = None
    if partial is None and all(one.severity is not Severity.ERROR for one in found):
        args = MultusArgs.model_construct(**parts, networks=tuple(one.network for one in networks))
        # What the cached properties would find again, and without knowing the files.
        whole = replace(args.configuration, networks=tuple(networks))
        args.__dict__.update(findings=tuple(found), configuration=whole)
    return Parsed(config, found, args, files, len(own) + len(files))


def _labelled(sources: Iterable[Source]) -> dict[str | int, Source]:
    """Each by `namespace/name`, and with a number where that is there before."""
    seen = Counter[str]()
    found: dict[str | int, Source] = {}
    for one in sources:
        seen[one.key] += 1
        found[f"{one.key}#{seen[one.key]}" if seen[one.key] > 1 else one.key] = one
    return found


def qualified(finding: Finding, files: Container[str | int] = ()) -> Finding:
    """Under the name that stands in the stack file: `multus:networks…`.

    What `files` names is in another file, and keeps its name.
    """
    key, *below = finding.path or ("",)
    if not finding.path or key in files:
        return finding
    return replace(finding, path=(f"{PREFIX}{key}", *below))


def _left_out(value: Any, *, required: bool) -> bool:
    """Pulumi.yaml's defaults for keys that have none here are as if they were not there."""
    return value == "" or (required and value == {})


def _networks(
    own: Iterable[Any], files: Mapping[str | int, Source], found: list[Finding]
) -> Iterator[Declared]:
    """The networks that can be read, of the stack file and of others."""
    adapter = _adapter("networks[]", Network, *get_args(AnyNetwork)[1:])
    written: list[tuple[Path, Any, Source | None]] = [
        *((("networks", index), value, None) for index, value in enumerate(own)),
        *(((label,), source.network, source) for label, source in files.items()),
    ]
    for index, (path, value, source) in enumerate(written):
        for made in _read(adapter, value, found, path):
            yield Declared(index, made, path, source.place if source else "")


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
