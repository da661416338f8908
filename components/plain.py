"""Plain data: what stands at a path in it, and what of it Helm and JSON cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .findings import Finding, Path, shown
from .wording import AN_OUTPUT, is_output

DEEPEST: Final = 32  # far beyond what any Helm value needs
# What a terminal or YAML would take for more than a letter, line ends and tabs apart.
UNPRINTABLE: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def at(data: Any, path: str | Path) -> Any:
    """What stands at a path through mappings, such as image.tag; None where nothing does.

    As a text it has a dot between its keys, so that none can have one itself.
    """
    for step in path.split(".") if isinstance(path, str) else path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def malformed(value: Any, path: Path = ()) -> Iterator[Finding]:
    """What is wrong with data as such."""
    if len(path) > DEEPEST:
        yield Finding(path[:2], f"is nested more than {DEEPEST} levels deep")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isprintable() or not key:
                yield Finding(path, f"has the key {shown(key)}, which is no name in quotes")
            yield from malformed(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from malformed(inner, (*path, index))
    elif isinstance(value, str):
        for character in UNPRINTABLE.findall(value)[:1]:
            yield Finding(path, f"holds the control character U+{ord(character):04X}. Remove it")
    elif isinstance(value, int | float):
        if not -(2**63) <= value < 2**63:  # nor is a NaN, for which no comparison holds
            yield Finding(path, "is no number of at most 64 bits. Write it in quotes")
    elif value is not None:
        unknown = "is nothing that a stack file can hold. Write a text"
        yield Finding(path, AN_OUTPUT if is_output(value) else unknown)
