"""docs/reference.md: every key of a stack file, made from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from .schema import schema

Json = dict[str, Any]
MOST_NAMED: Final = 8
LARGE: Final = 2**31 - 1  # a limit of some type, and none that a person would meet
HEAD: Final = "| key | value | default | what it is |\n| --- | --- | --- | --- |"
WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}


def page() -> str:
    """The stack's own keys, and a table for each kind of object in them."""
    whole = schema()
    config = whole["properties"]["config"]
    parts = [
        "<!-- Made by multus-k3s schema --markdown. Do not edit. -->",
        "# Every key of a stack file\n",
        "A stack file is `stacks/Pulumi.NAME.yaml`. [The README](../README.md#the-stack-file) has "
        "an example, [networks.md](networks.md) one of each kind of network. Each key can also be "
        "[in Pulumi.yaml](sites.md), for all stacks.\n",
        "## The stack\n",
        _table(config | {"required": ["multus:cluster"]}),
    ]
    for name, model in whole["$defs"].items():
        parts.append(f"## {name}\n\n{model.get('description', '')}\n\n{_table(model)}")
    return "\n".join(parts) + "\n"


def _table(model: Json) -> str:
    required = model.get("required", ())
    rows = (_row(key, one, required=key in required) for key, one in model["properties"].items())
    return "\n".join([HEAD, *rows]) + "\n"


def _row(key: str, node: Json, *, required: bool) -> str:
    default = "required" if required else ""
    if "default" in node and node["default"] not in ([], {}):
        default = f"`{json.dumps(node['default'])}`"
    about = node.get("description", "")
    return f"| `{key}` | {_value(node)} | {default} | {about} |".replace("  ", " ")


def _value(node: Any) -> str:
    return " or ".join(dict.fromkeys(_values(node if isinstance(node, dict) else {})))


def _values(node: Json) -> Iterator[str]:
    """What may stand there, one after another."""
    if several := node.get("anyOf") or node.get("oneOf"):
        for one in several:
            yield from _values(one)
    elif "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        yield f"[{name}](#{name.lower()})"
    elif "const" in node:
        yield f"`{node['const']}`"
    elif choices := node.get("enum"):
        named = choices if len(choices) <= MOST_NAMED else [choices[0], "…", choices[-1]]
        yield ", ".join(f"`{one}`" if one != "…" else one for one in named)
    elif node.get("type") == "array":
        yield f"list of {_value(node.get('items'))}"
    elif node.get("type") == "object":
        inner = _value(node.get("additionalProperties"))
        yield f"keys with {inner}" if inner else "keys"
    else:  # of several types, or of one
        types = node.get("type", ())
        for one in [types] if isinstance(types, str) else types:
            if one in WORDS:
                yield WORDS[one] + _limits(node) + _such_as(node)


def _limits(node: Json) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is None and high is None:
        return ""
    if high is None or high >= LARGE:
        return f" from {low}"
    return f" {low} to {high}"


def _such_as(node: Json) -> str:
    return "".join(f" such as `{one}`" for one in node.get("examples", ())[:1])
