"""JSON Schema of a stack file, for editors: made from the models that check it.

It cannot see what takes arithmetic or two places at once, such as an overlap; the models do. The
Pulumi CLI also takes a number in quotes; the schema asks for what a person should write.
"""

from __future__ import annotations

import json
from typing import Any, Final

from .. import package
from ..args import MultusArgs
from ..chart.extra_values import schema_at
from ..parse import ACCESS_KEYS, NAMESPACE, Files

# What is for other readers: titles repeat the keys, `discriminator` is OpenAPI's, `x-message` ours.
NOISE: Final = ("title", "discriminator", "x-message")
FOREIGN_KEY: Final = rf"^(?!{NAMESPACE}:)[^:\s]+:\S+$"  # such as kubernetes:context
SECRET: Final = {
    "type": "object",
    "description": 'What "pulumi config set --secret" writes.',
    "properties": {"secure": {"type": "string", "description": "The encrypted value."}},
    "required": ["secure"],
    "additionalProperties": False,
}
ACCESS: Final = {
    "kubeconfig": {
        "$ref": "#/$defs/Secret",
        "description": "Content of a kubeconfig; kubectl's own rules hold where it is left out. "
        'Set it with "pulumi config set --secret multus:kubeconfig".',
    },
    "context": package.ACCESS["context"],
}
WRITTEN_BY_THE_CLI: Final = {
    "encryptionsalt": {"type": "string", "description": "Salt of the stack's passphrase."},
    "secretsprovider": {"type": "string", "description": "What the stack's secrets are kept with."},
    "encryptedkey": {"type": "string", "description": "The secrets provider's data key."},
    "environment": {"type": ["array", "object"], "description": "Pulumi ESC environments."},
}


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a whole stack file."""
    model = _plain(MultusArgs.model_json_schema(mode="validation", by_alias=True))
    for kind in model["$defs"].values():
        _name_the_kind(kind)
    ours = model["properties"] | _plain(Files.model_json_schema())["properties"]
    top = (schema_at() or {})["properties"]
    known = {"type": "object", "properties": dict.fromkeys(top, True)}
    ours["extraValues"] = {
        "description": ours["extraValues"]["description"],
        "anyOf": [{**known, "additionalProperties": False}, {"$ref": "#/$defs/Secret"}],
    }
    access = {key: ACCESS[key] for key in ACCESS_KEYS}
    config = {
        "type": "object",
        "description": "The stack's settings.",
        "properties": {f"{NAMESPACE}:{key}": value for key, value in {**ours, **access}.items()},
        "patternProperties": {FOREIGN_KEY: True},
        # None is required: Pulumi.yaml may have it for all stacks.
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by multus-k3s schema from components/. Do not edit.",
        "title": "A stack of Multus on K3s",
        "description": model["description"],
        "type": "object",
        "properties": {"config": config, **WRITTEN_BY_THE_CLI},
        "required": ["config"],
        "additionalProperties": False,
        "$defs": {**model["$defs"], "Secret": SECRET},
    }


def text() -> str:
    """The file's content."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _name_the_kind(kind: dict[str, Any]) -> None:
    """In YAML a kind is known by its `type`, which must be there; in Python its class says it."""
    properties = kind.get("properties", {})
    told = [key for key, value in properties.items() if {"const", "default"} <= value.keys()]
    for key in told:
        del properties[key]["default"]
        kind["required"] = [key, *kind.get("required", ())]


def _plain(node: Any, *, names: bool = False) -> Any:
    """The schema without noise; with `names` the keys of `node` are the user's."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _plain(value, names=not names and key in ("properties", "$defs"))
        for key, value in node.items()
        if names or not (key in NOISE or (key == "default" and value is None))
    }
