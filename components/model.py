"""The base of every typed input: frozen, closed, camel case in YAML and snake case in Python.

A model also reads and writes the JSON of the CNI plugin that it stands for. A field's validation
alias is its name in a stack file, its serialization alias the plugin's name for it. Three ways to
read, told by the validation context: Python (both names), `STACK_FILE` (the stack file's names
alone) and `PLUGIN` (the plugin's names, whatever their case, as Go's encoding/json reads them).
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
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
from pydantic_core import CoreSchema, core_schema

from .findings import (
    ArgsError,
    Finding,
    FindingsError,
    Path,
    did_you_mean,
    invalid,
    needs_quotes,
    refuse,
)

T = TypeVar("T")
STACK_FILE: Final = {"keys": "stack file"}
PLUGIN: Final = {"keys": "plugin"}
DEEPEST: Final = 32  # far beyond what any setting or Helm value needs; validation recurses
A_MAPPING: Final = "a mapping of names to values is needed here"
A_LIST: Final = 'a list is needed here, each entry on its own line after "- "'


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

    def __init__(self, **given: Any) -> None:
        """As pydantic's own, with findings in our words and names: what Python programs call."""
        if deep := [key for key, value in given.items() if too_deep(value)]:
            message = f"is nested more than {DEEPEST} levels deep"
            raise ArgsError(type(self).__name__, [Finding((to_camel(k),), message) for k in deep])
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ArgsError(type(self).__name__, explained(error)) from None

    # Without pydantic's mark for its own, models inside of others would be made by this too.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="wrap")
    @classmethod
    def _read(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            if data is None:
                raise invalid("has no value. Write one, or remove it")
            raise invalid(f"{A_MAPPING}, like {cls._likeness()}", data)
        if info.context is None:
            refuse(outputs_in(data))
        of_plugin = info.context == PLUGIN
        written: dict[str, str] = {}
        unread: tuple[str, ...] = ()
        if of_plugin:
            data, written, unread = cls._under_our_names(data)
        try:
            model = handler({key: tuples(value) for key, value in data.items()})
            refuse(model.incomplete())
        except (ValidationError, FindingsError) as error:
            found = error.findings if isinstance(error, FindingsError) else explained(error, cls)
            raise FindingsError(_as_written(one, written) for one in found) from None
        model.remember(written, unread, of_plugin=of_plugin)
        return model

    def remember(
        self, written: dict[str, str], unread: tuple[str, ...], *, of_plugin: bool
    ) -> None:
        """Keep how a plugin's JSON was written; for `_read` alone."""
        self._written, self._unread, self._of_plugin = written, unread, of_plugin

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
        if isinstance(data, PluginJson):
            found |= data.ours
        return found, written, tuple(unread)

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

    def unread(self, path: Path = ()) -> Iterator[tuple[Path, str, type[Model]]]:
        """Keys of a plugin's JSON that nobody reads, here and below, with their model."""
        for key in self._unread:
            yield path, key, type(self)
        for name, field in type(self).model_fields.items():
            for place, inner in _models_in(getattr(self, name)):
                yield from inner.unread((*path, str(field.validation_alias), *place))

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
        names = needed or [str(one.validation_alias) for one in fields][:1]
        return "{" + ", ".join(f"{name}: …" for name in names) + "}"

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler(core)
        body = handler.resolve_ref_schema(schema)
        for name, text in descriptions(cls).items():
            if known := body.get("properties", {}).get(cls.model_fields[name].validation_alias):
                known["description"] = text
        return schema


class OneOf:
    """A field that holds one of several models, told apart by a key such as `type`.

    The kinds are looked up when a value is read, so that a kind is known once it is listed.
    """

    def __init__(self, key: str, kinds: Callable[[], Mapping[str, type[Model]]]) -> None:
        self.key = key
        self.kinds = kinds

    def read(self, value: Any, info: ValidationInfo) -> Model:
        """The model of the kind that the value names; raises FindingsError."""
        kinds = self.kinds()
        if value is None:
            raise invalid("has no value. Write one, or remove it")
        if not isinstance(value, Mapping):
            raise invalid(A_MAPPING, value)
        if info.context is None:
            refuse(outputs_in(value))
        known = did_you_mean("", kinds)
        if self.key not in value:
            missing = f"is missing: it says which kind this is. {known}"
            raise FindingsError([Finding((self.key,), missing)])
        name = value[self.key]
        kind = kinds.get(name) if isinstance(name, str) else None
        if name is None:
            raise FindingsError([Finding((self.key,), f"has no value. {known}")])
        if kind is None:
            message = f"that is not a known {self.key}. {did_you_mean(name, kinds)}"
            raise FindingsError([Finding((self.key,), message, name)])
        return read(kind, value, info.context)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        def accept(value: Any, info: ValidationInfo) -> Model:
            return value if isinstance(value, source) else self.read(value, info)

        return core_schema.with_info_plain_validator_function(accept)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: Any) -> dict[str, Any]:
        kinds = self.kinds().values()
        for kind in kinds:
            kind.model_rebuild()
        inner = handler.generate_json_schema.generate_inner  # which makes a definition of each
        return {"oneOf": [inner(kind.__pydantic_core_schema__) for kind in kinds]}


M = TypeVar("M", bound=Model)


def read(model: type[M], value: Any, context: Mapping[str, str] | None = STACK_FILE) -> M:
    """A model from plain data, in the names that the context says; raises FindingsError."""
    names: dict[str, bool] = {} if context is None else {"by_alias": True, "by_name": False}
    try:
        return model.model_validate(value, context=context, **names)  # type: ignore[arg-type]
    except ValidationError as error:
        raise FindingsError(explained(error)) from None


def explained(error: ValidationError, model: type[Model] | None = None) -> list[Finding]:
    """Pydantic's errors in our words, each line once; `model` is what was read, where known."""
    found: dict[tuple[Path, str], Finding] = {}
    for item in error.errors(include_url=False):
        inner = item.get("ctx", {}).get("error")
        path = tuple(item["loc"])
        if isinstance(inner, FindingsError):
            ours = [one.under(*path) for one in inner.findings]
        elif item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # pydantic counts sound entries; the faulty ones are reported themselves
        else:
            ours = [_sentence(item, path, model)]
        found |= {(one.path, one.message): one for one in ours}
    return list(found.values())


_WHOLE: Final = "a whole number is needed here"
_BOOLEAN: Final = "this is either true or false, without quotes"
_KINDS: Final = {
    "string_unicode": "that is no text in Unicode",
    **dict.fromkeys(("bool_type", "bool_parsing"), _BOOLEAN),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("list_type", "tuple_type"), A_LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type"), A_MAPPING),
}


def _sentence(item: Any, path: Path, model: type[Model] | None) -> Finding:
    kind, value, context = item["type"], item.get("input"), item.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return Finding(path, _unknown(str(path[-1]), model))
        case "missing":
            text = lower_case(descriptions(model).get(_field(model, path[-1]), "")) if model else ""
            return Finding(path, f"is missing: {text}" if text else "is missing")
        case "literal_error" | "enum":
            # Pydantic's list is `'a', 'b' or 'c'`; a user would write "a".
            expected = context["expected"].replace("'", '"')
            one_of = "one of " if " or " in expected else ""
            return Finding(path, f"it must be {one_of}{expected}", value)
        case "greater_than_equal":
            return Finding(path, f"it must be at least {context['ge']}", value)
        case "less_than_equal":
            return Finding(path, f"it must be at most {context['le']}", value)
        case "too_short":
            least = context["min_length"]
            needed = "1 entry is" if least == 1 else f"{least} entries are"
            return Finding(path, f"at least {needed} needed", value)
        case "value_error":
            return Finding(path, str(context["error"]), value)
        case "string_type":
            return Finding(path, needs_quotes(value), value)
        case _ if value is None:
            return Finding(path, "has no value. Write one, or remove it")
        case "int_type" if isinstance(value, str) and value.isdecimal():
            return Finding(path, f"{_WHOLE}, without quotes", value)
        case _:
            message = item["msg"]
            return Finding(path, _KINDS.get(kind, message[:1].lower() + message[1:]), value)


def _unknown(key: str, model: type[Model] | None) -> str:
    if model is None:
        return "is not a known key"
    if hint := model.hints.get(to_camel(key)):
        return f"is not a key here: {hint}"
    names = [str(field.validation_alias) for field in model.model_fields.values()]
    return f"is not a known key. {did_you_mean(key, names)}"


def _field(model: type[Model], alias: object) -> str:
    names = model.model_fields.items()
    return next((name for name, field in names if field.validation_alias == alias), "")


def lower_case(text: str) -> str:
    """As a sentence goes on: "The node's interface" in lower case, "IPAM" as it is."""
    text = text.rstrip(".")
    lower = text[1:2].islower() or text[1:2] == " "
    return text[:1].lower() + text[1:] if lower else text


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


@cache
def descriptions(model: type[Model]) -> dict[str, str]:
    """The text below each field, by the field's name, of the class and those above it.

    Read from the source when somebody asks: pydantic would do it for every class at import.
    """
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, Model) or cls is Model:
            continue
        [body] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(text.value.value).split())
    return {name: text for name, text in found.items() if name in model.model_fields}


def too_deep(value: Any) -> bool:
    """Whether there are too many levels of mappings and lists; found without recursion."""
    here = [value]
    for _ in range(DEEPEST + 1):
        here = [inner for node in here for inner in _inside(node)]
    return bool(here)


def _inside(node: Any) -> Iterable[Any]:
    if isinstance(node, Mapping):
        return node.values()
    return node if isinstance(node, list | tuple) else ()


def tuples(value: Any) -> Any:
    """Lists as the tuples that a frozen model holds; strict mode would refuse them."""
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


def outputs_in(value: Any, path: Path = ()) -> Iterator[Finding]:
    """Every Pulumi Output inside plain data. It is told by its shape: nothing imports pulumi."""
    if hasattr(value, "apply") and hasattr(value, "is_known") and hasattr(value, "is_secret"):
        message = "is an Output, but a plain value is needed here: it decides what is deployed and "
        yield Finding(path, f"{message}is checked before. Read it from the stack's config instead")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from outputs_in(inner, (*path, to_camel(str(key))))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, inner in enumerate(value):
            yield from outputs_in(inner, (*path, index))
