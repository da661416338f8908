"""Pydantic's errors in our words, and the descriptions of fields that they quote."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from .findings import Finding, FindingsError, Path, did_you_mean, needs_quotes

A_MAPPING: Final = "a mapping of names to values is needed here"
A_LIST: Final = "a list is needed here, like [a, b]"
A_NUMBER: Final = "a whole number is needed here"
NOTHING: Final = "has no value. Write one, or remove it"
TOO_DEEP: Final = "is nested too deep for anything to read it"
AN_OUTPUT: Final = (
    "is an Output, but a plain value is needed here: it decides what is deployed and is checked "
    "before. Read it from the stack's config instead"
)

# By pydantic's type of error; the names in braces are of its context.
MESSAGES: Final = {
    "string_unicode": "that is no text in Unicode",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "too_short": "at least {min_length} must be there",
    "literal_error": "it must be one of {expected}",
    **dict.fromkeys(("bool_type", "bool_parsing"), "this is either true or false, without quotes"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), A_NUMBER),
    **dict.fromkeys(("list_type", "tuple_type"), A_LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type"), A_MAPPING),
}


def explained(error: ValidationError, model: type[BaseModel] | None = None) -> list[Finding]:
    """Pydantic's errors in our words, each line once; `model` is what was read, where known."""
    found: dict[tuple[Path, str], Finding] = {}
    for item in error.errors(include_url=False):
        inner = item.get("ctx", {}).get("error")
        path = tuple(step for step in item["loc"] if step != "[key]")
        if isinstance(inner, FindingsError):
            ours = [one.under(*path) for one in inner.findings]
        elif item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # pydantic counts sound entries; the faulty ones are reported themselves
        else:
            ours = [_sentence(item, path, model)]
        ours = [Finding(one.path, AN_OUTPUT) if is_output(one.value) else one for one in ours]
        found |= {(one.path, one.message): one for one in ours}
    return list(found.values())


def is_output(value: Any) -> bool:
    """Whether it is Pulumi's. It is told by its shape: nothing here imports pulumi."""
    return hasattr(value, "apply") and hasattr(value, "is_known") and hasattr(value, "is_secret")


def _sentence(item: Any, path: Path, model: type[BaseModel] | None) -> Finding:
    kind, value, context = item["type"], item.get("input"), item.get("ctx", {})
    if kind == "extra_forbidden":
        return Finding(path, _unknown(str(path[-1]), model))
    if kind == "missing":
        return Finding(path, f"is missing: {_meaning(path[-1], model)}".removesuffix(": "))
    if kind == "string_type":
        return Finding(path, needs_quotes(value), value)
    if value is None:
        return Finding(path, NOTHING)
    # Pydantic's list of literals is `'a', 'b' or 'c'`; a user would write "a".
    words = {name: str(one).replace("'", '"') for name, one in context.items()}
    message = MESSAGES.get(kind, item["msg"][:1].lower() + item["msg"][1:]).format_map(words)
    if " or " not in message:
        message = message.replace("it must be one of ", "it must be ")
    if message == A_NUMBER and isinstance(value, str) and value.isdecimal():
        message += ", without quotes"
    return Finding(path, message, value)


def _unknown(key: str, model: Any) -> str:
    if hint := model.hint(to_camel(key)) if model else "":
        return f"is not a key here: {hint}"
    return f"is not a known key. {did_you_mean(key, model.known_keys() if model else ())}"


def _meaning(alias: object, model: type[BaseModel] | None) -> str:
    fields = model.model_fields.items() if model else ()
    name = next((name for name, one in fields if one.validation_alias == alias), "")
    return lower_case(descriptions(model).get(name, "")) if model else ""


def lower_case(text: str) -> str:
    """As a sentence goes on: "The node's interface" in lower case, "IPAM" as it is."""
    text = text.rstrip(".")
    lower = text[1:2].islower() or text[1:2] == " "
    return text[:1].lower() + text[1:] if lower else text


@cache
def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field, by the field's name, of the class and those above it.

    Read from the source when somebody asks: pydantic's own way costs 75 ms at import.
    """
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        [body] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str() as said)),
                ):
                    found[name] = " ".join(said.split())
    return {name: said for name, said in found.items() if name in model.model_fields}
