"""Texts of a certain form, with a rule in words where a pattern would be shown otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from components.faults import Fault, FaultsError, needs_quotes


@dataclass(frozen=True)
class Form:
    """Metadata of a `str` field: the whole text matches `pattern`, or `rule` says what is wrong."""

    pattern: str
    rule: str

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return value
        rule = self.rule if isinstance(value, str) else needs_quotes(value)
        raise FaultsError([Fault((), rule, value)])

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self,
        schema: CoreSchema,
        handler: GetJsonSchemaHandler,
    ) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}


NodePath = Annotated[
    str,
    Form(
        r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+",
        "an absolute path on the node is needed, of letters, digits, dots, - and _",
    ),
]
