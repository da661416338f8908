"""The committed stack files, as the program reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.args import MultusArgs
from components.faults import Fault
from components.settings import decoded, parse

ROOT = Path(__file__).parents[2]
STACKS = sorted(path.stem.removeprefix("Pulumi.") for path in (ROOT / "stacks").glob("*.yaml"))


def stack_file(stack: str) -> Path:
    return ROOT / "stacks" / f"Pulumi.{stack}.yaml"


def parsed(config: Mapping[str, Any]) -> tuple[MultusArgs | None, list[Fault]]:
    """A stack file's config as the CLI hands it over: booleans, lists and mappings as JSON."""
    texts = {
        key.removeprefix("multus:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }
    return parse({key: decoded(value) for key, value in texts.items()})


def arguments(stack: str) -> MultusArgs:
    args, faults = parsed(yaml.safe_load(stack_file(stack).read_text())["config"])
    assert args is not None, [str(fault) for fault in faults]
    return args


def expected(stack: str) -> dict[str, Any]:
    """The reviewed golden: networks' CNI configurations and Helm values."""
    file = Path(__file__).parent / "expected" / f"{stack}.json"
    loaded = json.loads(file.read_text())
    assert isinstance(loaded, dict)
    return loaded
