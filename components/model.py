"""The base of every typed input: frozen, closed, camel case in YAML and snake case in Python.

One definition of a setting gives its check, its place in the JSON Schema and its description.
Unknown keys, withheld keys, missing keys and Pulumi Outputs are all found here, before pydantic
looks at single fields, so that their messages can name what the user meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from components.faults import Fault, Path, did_you_mean, missing, refuse

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

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, data: Any, info: ValidationInfo) -> Any:
        if isinstance(data, Mapping):
            refuse(outputs_in(data))
            refuse(cls._key_faults(data, yaml=bool(info.context and info.context.get("yaml"))))
            return {key: tuples(value) for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(self.faults())
        return self

    def faults(self) -> Iterator[Fault]:
        """What is wrong across fields that are sound each by itself."""
        yield from ()

    @classmethod
    def _key_faults(cls, data: Mapping[Any, Any], *, yaml: bool) -> Iterator[Fault]:
        fields = cls.model_fields
        aliases = {field.alias or name: field for name, field in fields.items()}
        known = set(aliases) if yaml else set(aliases) | set(fields)
        for key in data:
            if reason := cls.withheld.get(to_camel(str(key))):
                yield Fault((key,), f"is not offered: {reason}")
            elif key not in known:
                yield Fault((key,), f"is not a known key. {did_you_mean(key, aliases)}")
        for name, field in fields.items():
            alias = field.alias or name
            if field.is_required() and alias not in data and (yaml or name not in data):
                yield missing(alias, field.description)


def tuples(value: Any) -> Any:
    """Lists as the tuples that a frozen model holds; strict mode would refuse them."""
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


def outputs_in(value: Any, path: Path = ()) -> Iterator[Fault]:
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
            yield from outputs_in(inner, (*path, to_camel(str(key))))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from outputs_in(inner, (*path, index))
