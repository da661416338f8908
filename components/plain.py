"""Plain data that Helm and JSON cannot hold: bad keys, odd numbers, too deep, too large."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .findings import Finding, Path, shown
from .model import DEEPEST

# Helm keeps the values in a Secret, and etcd an object, of 1 MiB at most.
LARGEST: Final = 1024 * 1024
# What a terminal or YAML would take for more than a letter, line ends and tabs apart.
UNPRINTABLE: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def malformed(data: Mapping[Any, Any]) -> Iterator[Finding]:
    """What is wrong with data as such. No recursion: it may be nested beyond all reason."""
    size = 0
    waiting: list[tuple[Path, Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > DEEPEST:
            yield Finding(path[:2], f"is nested more than {DEEPEST} levels deep")
            return
        size += len(value) + 1 if isinstance(value, str) else 1
        if isinstance(value, Mapping):
            yield from (Finding(path, message) for key in value if (message := _bad_key(key)))
            size += sum(len(key) for key in value if isinstance(key, str))
            waiting += [((*path, str(key)), value[key]) for key in reversed(list(value))]
        elif isinstance(value, list | tuple):
            waiting += [((*path, index), value[index]) for index in reversed(range(len(value)))]
        elif message := _bad_scalar(value):
            yield Finding(path, message)
        if size > LARGEST:
            yield Finding((), "holds more than 1 MiB, and Helm cannot keep it. Take some out")
            return


def _bad_key(key: Any) -> str | None:
    if not isinstance(key, str):
        return f"has the key {shown(key)}, which is no text. Write it in quotes"
    if not key or not key.isprintable():
        return f"has the key {shown(key)}, which is no name. Remove it"
    return None


def _bad_scalar(value: Any) -> str | None:
    if isinstance(value, str):
        match = UNPRINTABLE.search(value)
        return f"holds the control character U+{ord(match[0]):04X}. Remove it" if match else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "is no finite number. Remove it"
    if isinstance(value, int):
        fits = -(2**63) <= value < 2**63
        return None if fits else "is a number of more than 64 bits. Write it in quotes"
    return None if value is None else "is nothing that a stack file can hold. Write a text"
