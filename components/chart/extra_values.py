"""Raw Helm values (`multus:extraValues`): what cannot be read, and what the program decides.

Helm itself says nothing of a value that no template reads, and of a wrong one only on the cluster.
`values.schema.json` says what the templates of rke2-multus v4.2.414 to v4.3.017 read, whether
values.yaml names it or not, and what is known of each value (its `$comment` lists the keywords).
Messages never quote a value, for it may be secret: `Finding.value` has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path as File
from typing import Any, Final

from ..findings import MISSING, Finding, Path, did_you_mean, needs_quotes
from ..plain import malformed
from .values import at

MOST_FINDINGS: Final = 20
_TYPES: Final = {
    "object": "the chart reads a mapping of names to values here",
    "array": 'the chart reads a list here, each entry on its own line after "- "',
    "boolean": "this is either true or false, without quotes",
    "integer": "a whole number is needed here",
}
_LIMITS: Final = {
    "minimum": "it must be at least",
    "maximum": "it must be at most",
    "minItems": "the least number of entries is",
}


def shape(extra: Mapping[Any, Any], decided: Mapping[str, Any]) -> Iterator[Finding]:
    """The first findings of raw values beside the decided ones; a last one if there are more."""
    found = [*islice(malformed(extra), MOST_FINDINGS + 1)]
    found = found or [*islice(_misread(extra, decided), MOST_FINDINGS + 1)]
    yield from found[:MOST_FINDINGS]
    if len(found) > MOST_FINDINGS:
        yield Finding((), f"has more to mend than these {MOST_FINDINGS}. Mend them first")


@dataclass(frozen=True)
class Place:
    """A raw value, and what the schema says of it."""

    path: Path
    value: Any
    schema: Mapping[str, Any]
    decided: str = ""
    """Why the program decides it, if it does."""


def places(extra: Any, path: Path = (), decided: str = "") -> Iterator[Place]:
    """Every raw value in a mapping that the schema knows, outer ones first."""
    if not isinstance(extra, Mapping):
        return
    for key, value in extra.items():
        schema = schema_at(*path, key)
        if schema is None:
            continue
        setting = schema.get("x-setting")
        reason = f"use {setting}" if setting else schema.get("x-decided", decided)
        yield Place((*path, key), value, schema, reason)
        yield from places(value, (*path, key), reason)


def schema_at(*path: str | int) -> Mapping[str, Any] | None:
    """The schema of what stands at a path through mappings; None where nothing may."""
    found: Any = _schema()
    for key in path:
        found = found.get("properties", {}).get(key)
        if found is None:
            return None
        if "$ref" in found:
            found = {**_schema()["$defs"][found["$ref"].rpartition("/")[2]], **found}
    return found  # type: ignore[no-any-return]


@cache
def _schema() -> dict[str, Any]:
    text = File(__file__).with_name("values.schema.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def _misread(extra: Mapping[str, Any], decided: Mapping[str, Any]) -> Iterator[Finding]:
    taken: list[Path] = []
    for one in places(extra):
        mine = at(decided, *one.path)
        both = isinstance(mine, Mapping) and isinstance(one.value, Mapping)
        if mine is not MISSING and not both:
            name = ".".join(map(str, one.path))
            message = f"the program sets {name} itself. Remove it; {one.decided}"
        elif "x-setting" in one.schema:
            message = f"it has a setting of its own. Use {one.schema['x-setting']}"
        else:
            continue
        if not any(one.path[: len(path)] == path for path in taken):
            taken.append(one.path)
            yield Finding(one.path, message, one.value)
    found: dict[Path, Finding] = {}
    for error in _validator().iter_errors(_without(extra, taken)):
        for finding in _findings(error):
            found.setdefault(finding.path, finding)
    yield from found.values()


def _without(value: Any, taken: list[Path], path: Path = ()) -> Any:
    """The values without those at some paths, and without nulls, which are as if not there."""
    if isinstance(value, Mapping):
        inner = ((key, _without(one, taken, (*path, key))) for key, one in value.items())
        return {key: one for key, one in inner if one is not None and (*path, key) not in taken}
    return [_without(one, [], ()) for one in value] if isinstance(value, list | tuple) else value


@cache
def _validator() -> Any:
    # Most stacks have no raw values, and the library takes 60 ms to import.
    from jsonschema import Draft202012Validator, ValidationError, validators  # noqa: PLC0415

    def pattern(_: Any, form: str, text: Any, __: Any) -> Iterator[ValidationError]:
        """As JSON Schema has it; `$` of Python's re is also before a line end at the end."""
        if isinstance(text, str) and not re.search(form.replace("$", r"\Z"), text):
            yield ValidationError("another form is needed")

    extend: Any = validators.extend
    return extend(Draft202012Validator, {"pattern": pattern})(_schema())


def _findings(error: Any) -> Iterator[Finding]:
    """An error of the validator in our words."""
    path, value = tuple(error.absolute_path), error.instance
    schema, wanted = error.schema, error.validator_value
    if "propertyNames" in error.absolute_schema_path:
        yield Finding((*path, value), f"is no such name: {schema['x-message']}")
    elif error.validator == "additionalProperties":
        known = [*schema["properties"]]
        for key in value:
            if key not in known:
                yield Finding((*path, key), _unknown(path, key, known))
    elif error.validator == "required":
        for key in wanted:
            if key not in value:
                meaning = schema["properties"][key].get("description", "the API server needs it")
                yield Finding((*path, key), f"is missing: {meaning}")
    elif error.validator == "type":
        yield Finding(path, _TYPES.get(wanted) or needs_quotes(value), value)
    elif error.validator == "enum":
        yield Finding(path, f"that is no value here. {did_you_mean(value, wanted)}", value)
    else:
        limits = f"{_LIMITS.get(error.validator, '')} {wanted}"
        yield Finding(path, schema.get("x-message", limits), value)


def _unknown(path: Path, key: str, known: list[str]) -> str:
    steps = key.split(".")
    if len(steps) > 1 and schema_at(*path, *steps[:-1]):
        rule = "is one name with dots to Helm, and no value of the chart. Write mappings: "
        return f"{rule}{': {'.join(steps)}: …{'}' * (len(steps) - 1)}"
    return f"is no value of the chart. {did_you_mean(key, known)}"
