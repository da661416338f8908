"""The base of every typed input: frozen, closed, camel case in YAML and snake case in Python.

One definition of a setting gives its check, its place in the JSON Schema and its description.
Unknown keys, withheld keys, missing keys and Pulumi Outputs are all found here, before pydantic
looks at single fields, so that their messages can name what the user meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel

from components.faults import (
    ArgsError,
    Fault,
    FaultsError,
    Path,
    did_you_mean,
    missing,
    refuse,
    translated,
    unique,
)

DEEPEST: Final = 32  # far beyond what any setting or Helm value needs; validation recurses

# Validation context of whatever comes from a stack file, where only camel case is a key.
FROM_YAML: Final = {"yaml": True}


class Model(BaseModel):
    """A typed input. Values are plain: an Output is refused by name (`bool(Output)` is true)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    # Keys that the plugin or chart knows and this program does not offer, each with the reason.
    withheld: ClassVar[Mapping[str, str]] = {}

    # Sound values for required keys: with them the checks across fields can run where such a key
    # is faulty itself. No fault about them is ever shown.
    stand_ins: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **given: Any) -> None:
        """As pydantic's own, with the faults in our words: what a Python program has is this."""
        if deep := [key for key, value in given.items() if too_deep(value)]:
            rule = f"is nested more than {DEEPEST} levels deep"
            raise ArgsError(type(self).__name__, [Fault((to_camel(key),), rule) for key in deep])
        try:
            super().__init__(**given)
        except ValidationError as error:
            faults = unique(translated(error, given, union=False))
            raise ArgsError(type(self).__name__, faults) from None

    # Without pydantic's mark for its own, models inside of others would be made by this too, and
    # would lose the context.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="wrap")
    @classmethod
    def _every_fault(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Check keys, fields and what is across fields, and report all of it at once.

        Pydantic stops at the first of the three that fails. So what is faulty is taken out and the
        rest is checked again. A fault that leads through what was taken out, or is about an
        absence, is then not the user's.
        """
        if not isinstance(data, Mapping):
            if data is not None and not isinstance(data, BaseModel):
                rule = f"a mapping of names to values is needed here, like {cls._likeness()}"
                raise FaultsError([Fault((), rule, data)])
            return handler(data)
        refuse(outputs_in(data))
        known = cls._keys(yaml=bool(info.context and info.context.get("yaml")))
        faults = list(cls._key_faults(data, known))
        rest = {key: tuples(value) for key, value in data.items() if key in known}
        try:
            sound = handler(rest)
            # Here, and not as a validator: those with a mode of their own would run too early.
            faults += [fault for fault in sound.faults() if not (faults and fault.absence)]
        except ValidationError as error:
            missing_keys = {fault.path[0] for fault in faults if fault.absence}
            faults += (
                fault
                for fault in translated(error, rest, union=False)
                if not (fault.path and fault.path[0] in missing_keys)
            )
        else:
            refuse(faults)
            return sound
        raise FaultsError(unique([*faults, *cls._across(rest, faults, handler)]))

    @classmethod
    def _likeness(cls) -> str:
        """What a person must write at least, or could begin with."""
        fields = cls.model_fields.items()
        needed = [field.alias or name for name, field in fields if field.is_required()]
        names = needed or [field.alias or name for name, field in fields][:1]
        return "{" + ", ".join(f"{name}: …" for name in names) + "}"

    @classmethod
    def _across(
        cls, rest: Mapping[Any, Any], faults: Sequence[Fault], handler: Callable[[Any], Self]
    ) -> Iterator[Fault]:
        """What is wrong across the fields that are left when the faulty ones are taken out."""
        cut = {fault.path[0] for fault in faults if fault.path}
        left = {key: value for key, value in rest.items() if key not in cut} | {
            key: value for key, value in cls.stand_ins.items() if key in cut
        }
        try:
            found: Iterable[Fault] = handler(left).faults()
        except ValidationError as error:
            found = translated(error, left, union=False)
        for fault in found:
            if not fault.absence and fault.path and fault.path[0] not in cut:
                yield fault

    @classmethod
    def _keys(cls, *, yaml: bool) -> set[str]:
        """The keys that stand for fields; in Python also by the fields' own names."""
        aliases = {field.alias or name for name, field in cls.model_fields.items()}
        return aliases if yaml else aliases | set(cls.model_fields)

    def faults(self) -> Iterator[Fault]:
        """What is wrong across fields that are sound each by itself."""
        yield from ()

    @classmethod
    def _key_faults(cls, data: Mapping[Any, Any], known: set[str]) -> Iterator[Fault]:
        fields = cls.model_fields
        aliases = [field.alias or name for name, field in fields.items()]
        for key in data:
            if reason := cls.withheld.get(to_camel(str(key))):
                yield Fault((str(key),), f"is not offered: {reason}")
            elif key not in known:
                yield Fault((str(key),), f"is not a known key. {did_you_mean(key, aliases)}")
        for name, field in fields.items():
            alias = field.alias or name
            if field.is_required() and not {alias, name} & known & set(data):
                yield missing(alias, field.description)


def too_deep(value: Any) -> bool:
    """Whether there are too many levels of mappings and lists; found without recursion."""
    here = [value]
    for _ in range(DEEPEST + 1):
        here = [
            inner
            for node in here
            for inner in (
                node.values()
                if isinstance(node, Mapping)
                else node
                if isinstance(node, list | tuple)
                else ()
            )
        ]
    return bool(here)


def tuples(value: Any) -> Any:
    """Lists as the tuples that a frozen model holds; strict mode would refuse them."""
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


# What lies below has names that are not ours.
RAW: Final = ("extra_values", "extraValues", "labels", "annotations", "sysctl", "config")


def outputs_in(value: Any, path: Path = (), *, ours: bool = True) -> Iterator[Fault]:
    """Every Pulumi Output inside plain data, as a fault that names the field.

    An Output is told by its shape, so that nothing here imports pulumi.
    """
    if hasattr(value, "apply") and hasattr(value, "is_known") and hasattr(value, "is_secret"):
        yield Fault(
            path,
            "is an Output, but a plain value is needed here: it decides what is deployed and is "
            "checked before anything is. Read it from the stack's config instead",
        )
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            name = to_camel(str(key)) if ours else str(key)
            yield from outputs_in(inner, (*path, name), ours=ours and key not in RAW)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from outputs_in(inner, (*path, index), ours=ours)
