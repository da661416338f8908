"""A field that holds one of several models, told apart by a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import CoreSchema, core_schema

from .findings import Finding, FindingsError, did_you_mean, invalid, nearest
from .model import Model, read
from .wording import A_MAPPING, NOTHING


class OneOf:
    """A field that holds one of several models, told apart by a key such as `type`.

    The kinds are looked up when a value is read, so that a kind is known once it is listed.
    """

    def __init__(self, key: str, kinds: Callable[[], Mapping[str, type[Model]]]) -> None:
        self.key = key
        self.kinds = kinds

    def read(self, value: Any, info: ValidationInfo) -> Model:
        """The model of the kind that the value names; raises FindingsError.

        Where it misspells the name of one that has all of its keys, what else is wrong with it is
        said too.
        """
        if not isinstance(value, Mapping):
            raise invalid(NOTHING) if value is None else invalid(A_MAPPING, value)
        kinds, name = self.kinds(), value.get(self.key)
        if isinstance(name, str) and name in kinds:
            return read(kinds[name], value, info.context)
        fit = {one: kind for one, kind in kinds.items() if kind.has_keys(value)}

        def faults(one: str) -> tuple[Finding, ...]:
            try:
                read(fit[one], {**value, self.key: one}, info.context)
            except FindingsError as error:
                return error.findings
            return ()

        if name is None:
            only = next(iter(fit)) if len(fit) == 1 else ""
            known = f"With these keys it is {only}." if only and not faults(only) else ""
            known = known or did_you_mean("", kinds)
            message = f"is missing: it says which kind this is. {known}"
            raise FindingsError([Finding((self.key,), message)])
        message = f"that is not a known {self.key}. {did_you_mean(name, kinds)}"
        near = nearest(name, fit)
        raise FindingsError([Finding((self.key,), message, name), *(faults(near) if near else ())])

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
