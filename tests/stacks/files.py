"""Stack files, as the program reads them: the examples. Those in `stacks/` are their owner's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.args import MultusArgs
from components.findings import Finding, Severity
from components.parse import Parsed, parse
from components.stack_file import decoded, read_stack_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
STACKS = sorted(path.stem.removeprefix("Pulumi.") for path in (EXAMPLES / "stacks").glob("*.yaml"))


def stack_path(stack: str) -> Path:
    return EXAMPLES / "stacks" / f"Pulumi.{stack}.yaml"


def read(config: Mapping[str, Any]) -> Parsed:
    """A stack file's config as the CLI hands it over: booleans, lists and mappings as JSON."""
    texts = {
        key.removeprefix("multus:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }
    return parse({key: decoded(value) for key, value in texts.items()})


def read_text(text: str, name: str = "stacks/Pulumi.dev.yaml") -> tuple[Parsed, list[Finding]]:
    """What a file's text says, and its findings with their lines."""
    stack = read_stack_file(text, name)
    parsed = read(stack.config)
    return parsed, [stack.locate(one) for one in parsed.findings]


def errors(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.severity is Severity.ERROR]


def arguments(stack: str) -> MultusArgs:
    parsed, found = read_text(stack_path(stack).read_text())
    assert parsed.args is not None, [str(one) for one in found]
    return parsed.args


def expected(stack: str) -> dict[str, Any]:
    """The reviewed golden: networks' CNI configurations and Helm values."""
    file = Path(__file__).parent / "expected" / f"{stack}.json"
    loaded = json.loads(file.read_text())
    assert isinstance(loaded, dict)
    return loaded
