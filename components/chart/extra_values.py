"""Raw Helm values (`multus:extraValues`): whether the chart and the API server can read them.

Helm itself says nothing of a value that no template reads, and of a wrong one only on the cluster.
`values.schema.json` says what the templates of rke2-multus v4.2.414 to v4.3.017 read, whether
values.yaml names it or not, what the program decides of it, and what else is known of each value
(its `$comment` lists the keywords). Messages never quote a value, for it may be secret:
`Finding.value` has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path as File
from typing import Any, Final

from ..findings import Finding, Path, did_you_mean, needs_quotes
from ..plain import malformed
from ..wording import A_LIST, A_MAPPING, A_NUMBER
from .values import without_nulls

Schema = Mapping[str, Any]
_TYPES: Final = {
    "object": A_MAPPING,
    "array": A_LIST,
    "boolean": "this is either true or false, without quotes",
    "integer": A_NUMBER,
}


def shape(values: Mapping[Any, Any], kind: str = "") -> list[Finding]:
    """What cannot be read of raw values and what the program decides; or of a kind of object."""
    if not values or (found := [*malformed(values)]):
        return found if values else []
    # Most stacks have none of these, and the library takes 60 ms to import.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    wanted, given = schema(), without_nulls(values)
    if kind:
        wanted, given = {"$ref": f"#/$defs/{kind}", "$defs": wanted["$defs"]}, values
    # The end of a pattern is the end of the text; `$` of Python's re is also before a line end.
    strict = json.loads(json.dumps(wanted).replace('$"', r'\\Z"'))
    errors = Draft202012Validator(strict).iter_errors(given)
    return [*{one.path: one for error in errors for one in _findings(error)}.values()]


def places(values: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Schema]]:
    """Each raw value that the schema knows, outer ones first: its path, itself and its schema."""
    for key, value in values.items() if isinstance(values, Mapping) else ():
        if (about := schema_at(*path, key)) is not None:
            yield (*path, key), value, about
            yield from places(value, (*path, key))


def schema_at(*path: str | int) -> Schema | None:
    """The schema of what stands at a path through mappings; None where nothing may."""
    found: Any = schema()
    for key in path:
        found = found.get("properties", {}).get(key)
        if found is None:
            return None
        if "$ref" in found:
            found = {**schema()["$defs"][found["$ref"].rpartition("/")[2]], **found}
    return found  # type: ignore[no-any-return]


@cache
def schema() -> dict[str, Any]:
    text = File(__file__).with_name("values.schema.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def _findings(error: Any) -> list[Finding]:
    """An error of the validator in our words."""
    path, value = tuple(error.absolute_path), error.instance
    about, wanted = error.schema, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = [*about["properties"]]
            unknown = [key for key in value if key not in known]
            return [Finding((*path, key), _unknown(path, key, known)) for key in unknown]
        case "required":
            missing = [key for key in wanted if key not in value]
            return [Finding((*path, key), "is missing: the API server needs it") for key in missing]
        case "type" if isinstance(wanted, str):
            message = _TYPES.get(wanted) or needs_quotes(value)
        case "enum":
            message = f"it is not known. {did_you_mean(value, wanted)}"
        case _:
            message = about["x-message"]
    if "propertyNames" in error.absolute_schema_path:
        return [Finding((*path, value), f"cannot stand here: {message}")]
    return [Finding(path, message, value)]


def _unknown(path: Path, key: str, known: list[str]) -> str:
    steps = key.split(".")
    if len(steps) > 1 and schema_at(*path, *steps[:-1]):
        rule = "is one name with dots to Helm, and no value of the chart. Write mappings: "
        return f"{rule}{': {'.join(steps)}: …{'}' * (len(steps) - 1)}"
    return f"is no value of the chart. {did_you_mean(key, known)}"
