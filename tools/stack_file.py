"""A stack's file as the Pulumi CLI reads it, for what runs without the CLI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from components.settings import NAMESPACE


class UnreadableError(Exception):
    """The file is not there or is no stack file; the text is for people."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, as the CLI does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if keys[index] in keys[:index]:
                raise yaml.MarkedYAMLError(
                    problem=f"{keys[index]} is there twice", problem_mark=key.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def config(folder: Path, stack: str) -> dict[str, Any]:
    """The stack's config, by key with its namespace; raises UnreadableError.

    A key without a namespace is the project's own, and so ours.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    name = str(Path(folder.name) / file.name)
    try:
        found = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe one)
    except FileNotFoundError:
        there = ", ".join(sorted(one.stem.split(".")[1] for one in folder.glob("Pulumi.*.yaml")))
        raise UnreadableError(f"there is no {name}. There are: {there}") from None
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(": ".join(_mistake(name, error))) from None
    except RecursionError:
        raise UnreadableError(f"{name} is nested beyond all reason") from None
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise UnreadableError(f"{name} is no YAML: {str(error).splitlines()[0]}") from None
    values = found.get("config") if isinstance(found, Mapping) else None
    if not isinstance(values, Mapping):
        raise UnreadableError(f"{name} has no mapping called config")
    return {_qualified(str(key)): value for key, value in values.items()}


def ours(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config is this program's, by key without its namespace."""
    prefix = f"{NAMESPACE}:"
    return {
        key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)
    }


def _qualified(key: str) -> str:
    return key if ":" in key else f"{NAMESPACE}:{key}"


def _mistake(name: str, error: yaml.MarkedYAMLError) -> Iterator[str]:
    mark, problem = error.problem_mark, error.problem or error.context or "that is no YAML"
    yield f"{name} line {mark.line + 1}" if mark else name
    yield f"{problem}. YAML wants spaces, no tabs" if "\\t" in problem else problem
