"""Writes `schemas/stack.schema.json`: the form of a stack file, for editors and for a test.

It is made from the models that check a stack's settings, so that an editor completes and
underlines what `pulumi preview` would refuse. It cannot see what takes arithmetic or two places at
once (an overlap, a gateway outside its range); the models do.

    python -m tools.schema          writes the file
    python -m tools.schema --check  exits 1 where the file is not what would be written

The CLI hands scalars over as texts, so `multus:timeout: "300"` works too. The schema asks for
what a person should write: 300.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from components.args import MultusArgs
from components.settings import ACCESS_KEYS, NAMESPACE
from components.values import TOP_LEVEL

FILE: Final = Path(__file__).parent.parent / "schemas" / "stack.schema.json"
COMMAND: Final = "python -m tools.schema"

# What pydantic adds for other readers: titles repeat the keys, `discriminator` is OpenAPI's.
NOISE: Final = ("title", "discriminator")

# "aws:region" and "kubernetes:context" belong to other providers, "multus:netwroks" to nobody.
FOREIGN_KEY: Final = rf"^(?!{NAMESPACE}:)[^:\s]+:\S+$"

SECRET: Final = {
    "type": "object",
    "description": 'What "pulumi config set --secret" writes.',
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}

ACCESS: Final = {
    "kubeconfig": {
        "$ref": "#/$defs/Secret",
        "description": "Content of a kubeconfig. Without it kubectl's own rules hold. "
        'Set it with "pulumi config set --secret multus:kubeconfig".',
    },
    "context": {
        "type": "string",
        "description": "Context of the kubeconfig; its current one where it is left out.",
    },
}

# Keys beside `config`, which the CLI writes; a person leaves them alone.
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
    ours = model["properties"]
    ours["extraValues"] = _extra_values(ours["extraValues"])
    assert set(ACCESS) == set(ACCESS_KEYS)
    keys = {f"{NAMESPACE}:{key}": value for key, value in {**ours, **ACCESS}.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Made by {COMMAND} from components/. Do not edit.",
        "title": "A stack of Multus on K3s",
        "description": model["description"],
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "description": "The stack's settings.",
                "properties": keys,
                "patternProperties": {FOREIGN_KEY: True},
                "required": [f"{NAMESPACE}:{key}" for key in model["required"]],
                "additionalProperties": False,
            },
            **WRITTEN_BY_THE_CLI,
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": {**model["$defs"], "Secret": SECRET},
    }


def _extra_values(plain: Mapping[str, Any]) -> dict[str, Any]:
    """`extraValues` with the chart's own top level; also as a secret, for it may hold one."""
    known = {
        "type": "object",
        "properties": dict.fromkeys(TOP_LEVEL, True),
        "additionalProperties": False,
    }
    return {"description": plain["description"], "anyOf": [known, {"$ref": "#/$defs/Secret"}]}


def _name_the_kind(kind: dict[str, Any]) -> None:
    """In YAML a kind is known by its `type`, which must be there; in Python its class says it."""
    properties = kind.get("properties", {})
    told = [key for key, value in properties.items() if {"const", "default"} <= value.keys()]
    for key in told:
        del properties[key]["default"]
    required = {*kind.get("required", ()), *told}
    if told:
        kind["required"] = [key for key in properties if key in required]
        kind["type"] = kind.pop("type")  # last, as pydantic has it


def _plain(node: Any, *, names: bool = False) -> Any:
    """Pydantic's schema without what only other readers want.

    `names`: the keys of `node` are the user's (`properties`, `$defs`), not the schema's.
    """
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _plain(value, names=not names and key in ("properties", "$defs"))
        for key, value in node.items()
        if names or not (key in NOISE or (key == "default" and value is None))
    }


def text() -> str:
    """The file's content."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where the file is out of date"
    )
    wanted = text()
    if not parser.parse_args(arguments).check:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(wanted, encoding="utf-8")
        print(f"{FILE.parent.name}/{FILE.name} is written")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{FILE.name} is out of date. Run {COMMAND}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
