"""The base of every typed input: frozen, closed, camel case in YAML and snake case in Python.

A model also reads and writes the JSON of the CNI plugin that it stands for. A field's validation
alias is its name in a stack file, its serialization alias the plugin's name for it. Three ways to
read, told by the validation context: Python (both names), `STACK_FILE` (the stack file's names
alone) and `PLUGIN` (the plugin's names, whatever their case, as Go's encoding/json reads them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from .findings import ArgsError, Finding, FindingsError, Path, invalid, refuse
from .wording import A_MAPPING, NOTHING, TOO_DEEP, descriptions, explained

STACK_FILE: Final = {"keys": "stack file"}
PLUGIN: Final = {"keys": "plugin"}
USERS: Final = ("extraValues", "config", "labels", "annotations")  # whose keys are the user's own


class PluginJson(dict[str, Any]):
    """A plugin's JSON, with what else the model is made from, by our names."""

    def __init__(self, json: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        super().__init__(json)
        self.ours = ours


class Model(BaseModel):
    """A typed input. Values are plain: a Pulumi Output is refused by name."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        defer_build=True,
    )

    hints: ClassVar[Mapping[str, str]] = {}
    """Keys that people try and nothing reads, each with what to do instead."""
    passed_on: ClassVar[frozenset[str]] = frozenset()
    """Keys in lower case that the plugin reads and the model does not have."""
    plugin_defaults: ClassVar[Mapping[str, Any]] = {}
    """By field: what the plugin takes where a key is absent, as far as it differs from here."""
    pointers: ClassVar[frozenset[str]] = frozenset()
    """Keys, in lower case, of which the plugin tells zero from absence."""
    always_written: ClassVar[frozenset[str]] = frozenset()
    """Fields that are written for the plugin also where they are its default."""

    _written: dict[str, str] = PrivateAttr(default_factory=dict)
    _unread: tuple[str, ...] = PrivateAttr(default=())
    _of_plugin: bool = PrivateAttr(default=False)

    def __init__(self, *unnamed: Any, **given: Any) -> None:
        """As pydantic's own, with findings in our words and names: what Python programs call."""
        name = type(self).__name__
        if unnamed:
            fields = ", ".join(type(self).model_fields)
            raise TypeError(f"{name} takes each argument by its name: {fields}")
        try:
            super().__init__(**given)
        except ValidationError as error:
            found = [replace(one, path=_in_python(one.path)) for one in explained(error)]
            raise ArgsError(name, found) from None
        except RecursionError:
            raise ArgsError(name, [Finding((), TOO_DEEP)]) from None

    # Without pydantic's mark for its own, models inside of others would be made by this too.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, **_: Any) -> Self:
        """One with these fields changed, checked as pydantic's own is not; raises ArgsError."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**given | dict(update or {}))

    @model_validator(mode="wrap")
    @classmethod
    def _read(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise invalid(NOTHING) if data is None else invalid(cls._likeness(), data)
        written: dict[str, str] = {}
        if of_plugin := info.context == PLUGIN:
            data, written, unread = cls._under_our_names(data)
        try:
            model = handler({key: tuples(value) for key, value in data.items()})
            if of_plugin:
                model._written, model._unread, model._of_plugin = written, unread, True  # noqa: SLF001
            refuse(model.incomplete())
        except (ValidationError, FindingsError) as error:
            found = error.findings if isinstance(error, FindingsError) else explained(error, cls)
            raise FindingsError(_as_written(one, written) for one in found) from None
        return model

    def incomplete(self) -> Iterator[Finding]:
        """What is not there, or cannot be read, across fields that are sound each by itself."""
        yield from ()

    @classmethod
    def _under_our_names(
        cls, data: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
        """A plugin's JSON by our names; our name to the written one; keys that nobody reads."""
        ours = {
            str(field.serialization_alias).lower(): str(field.validation_alias)
            for name, field in cls.model_fields.items()
            if name in cls.plugin_fields()
        }
        found: dict[str, Any] = {}
        written: dict[str, str] = {}
        unread = []
        for key, value in data.items():
            alias = ours.get(key.lower())
            if alias is None:
                if key.lower() not in cls.passed_on:
                    unread.append(key)
            elif value is not None and not (_zero(value) and key.lower() not in cls.pointers):
                found[alias] = value
                written[alias] = key
        for name, value in cls.plugin_defaults.items():
            found.setdefault(str(cls.model_fields[name].validation_alias), value)
        found |= getattr(data, "ours", {})  # of a PluginJson
        return found, written, tuple(unread)

    @classmethod
    def known_keys(cls) -> list[str]:
        """The keys of a stack file that it has."""
        return [str(one.validation_alias) for one in cls.model_fields.values()]

    @classmethod
    def hint(cls, key: str) -> str:
        """What to do instead of a key that nothing reads, whatever its case; or nothing."""
        for one in (vars(base).get("hints", {}) for base in cls.__mro__):
            found = {name.lower(): text for name, text in one.items()}
            if text := found.get(key.lower(), ""):
                return str(text)
        return ""

    @classmethod
    def has_keys(cls, given: Mapping[str, Any]) -> bool:
        """Whether it has all of these keys, by their names in YAML or in Python."""
        return given.keys() <= {*cls.known_keys(), *cls.model_fields}

    @classmethod
    def plugin_fields(cls) -> set[str]:
        """Names of the fields that are keys of the plugin's JSON."""
        return set(cls.model_fields)

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is left out and what the plugin would take by itself."""
        whole: dict[str, Any] = handler(self)
        for name, field in type(self).model_fields.items():
            default = self.plugin_defaults.get(name, field.get_default(call_default_factory=True))
            if getattr(self, name) == default and name not in {*self.always_written, "type"}:
                whole.pop(name, None)
                whole.pop(str(field.serialization_alias), None)
        return whole

    def for_plugin(self, **options: Any) -> dict[str, Any]:
        """The JSON that the plugin, or Kubernetes, reads."""
        return self.model_dump(mode="json", by_alias=True, **options)

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Model]]:
        """The model and every one inside of it, each with the path to it in our names."""
        yield path, self
        for name, field in type(self).model_fields.items():
            for place, inner in _models_in(getattr(self, name)):
                yield from inner.walk((*path, str(field.validation_alias), *place))

    @property
    def unread(self) -> tuple[str, ...]:
        """Keys of the plugin's JSON that nobody reads."""
        return self._unread

    def as_written(self, path: Path) -> Path:
        """A path in our names, in the names that stand in the plugin's JSON."""
        if not path:
            return ()
        first, *rest = path
        for name, field in type(self).model_fields.items():
            if field.validation_alias == first:
                plugins = str(field.serialization_alias if self._of_plugin else first)
                inner = getattr(self, name)
                return (self._written.get(str(first), plugins), *_below(inner, tuple(rest)))
        return path

    @classmethod
    def _likeness(cls) -> str:
        """What a person must write at least, or could begin with."""
        fields = cls.model_fields.values()
        needed = [str(one.validation_alias) for one in fields if one.is_required()]
        names = needed or cls.known_keys()[:1]
        return f"{A_MAPPING}, like {{{', '.join(f'{name}: …' for name in names)}}}"

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler(core)
        body = handler.resolve_ref_schema(schema)
        for name, text in descriptions(cls).items():
            if known := body.get("properties", {}).get(cls.model_fields[name].validation_alias):
                known["description"] = text
        return schema


def _in_python(path: Path) -> Path:
    """A path in the names that a program in Python has; below data it is the user's own."""
    names: dict[str | int, str] = {}
    kinds = [Model]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        names |= {str(one.validation_alias): name for name, one in kind.model_fields.items()}
    data = next((at for at, step in enumerate(path) if step in USERS), len(path))
    return (*(names.get(step, step) for step in path[: data + 1]), *path[data + 1 :])


M = TypeVar("M", bound=Model)


def read(model: type[M], value: Any, context: Mapping[str, str] | None = STACK_FILE) -> M:
    """A model from plain data, in the names that the context says; raises FindingsError."""
    names: dict[str, bool] = {} if context is None else {"by_alias": True, "by_name": False}
    try:
        return model.model_validate(value, context=context, **names)  # type: ignore[arg-type]
    except ValidationError as error:
        raise FindingsError(explained(error)) from None


def _as_written(finding: Finding, written: Mapping[str, str]) -> Finding:
    first, *rest = finding.path or ("",)
    if not finding.path or first not in written:
        return finding
    return Finding((written[str(first)], *rest), finding.message, finding.value)


def _zero(value: Any) -> bool:
    """What Go takes for "not set", where it holds no pointer. A boolean is always told."""
    return not isinstance(value, bool) and value in (0, "", [], {})


def _below(value: Any, path: Path) -> Path:
    if isinstance(value, Model):
        return value.as_written(path)
    if path and isinstance(path[0], int) and isinstance(value, tuple) and path[0] < len(value):
        return (path[0], *_below(value[path[0]], path[1:]))
    return path


def _models_in(value: Any) -> Iterator[tuple[Path, Model]]:
    if isinstance(value, Model):
        yield (), value
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            for path, model in _models_in(inner):
                yield (index, *path), model


def tuples(value: Any) -> Any:
    """Lists as the tuples that a frozen model holds; strict mode would refuse them."""
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value
