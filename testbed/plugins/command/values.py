"""Property values as the provider protocol carries them: reading, checking and comparing.

Values stay in their wire form wherever they are only passed on, so that a secret stays a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

# https://github.com/pulumi/pulumi/blob/master/developer-docs: marks in the wire format.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark of the protocol, no password
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Kind = Literal["add", "delete", "update"]

TEXT, TABLE = "string", "map<string>"
BASE: Mapping[str, str] = {"stdin": TEXT, "logging": TEXT, "environment": TABLE}
COMMAND: Mapping[str, str] = {**BASE, "create": TEXT, "delete": TEXT}
RUN: Mapping[str, str] = {**BASE, "command": TEXT}
LOGGING = ("stdout", "stderr", "stdoutAndStderr", "none")
NOT_DONE = (
    "addPreviousOutputInEnv",
    "archivePaths",
    "assetPaths",
    "dir",
    "interpreter",
    "triggers",
    "update",
)


def bare(value: Any) -> Any:
    """The value without secret marks."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return bare(value.get("value"))
        return {key: bare(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    return value


def faults(inputs: Mapping[str, Any], fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with raw inputs: property and reason."""
    for name in NOT_DONE:
        if name in inputs:
            yield name, f"{name} needs the official pulumi-resource-command on PATH"
    for name, kind in fields.items():
        value = bare(inputs.get(name))
        if value is None or value == UNKNOWN:
            continue
        if not _fits(value, kind):
            yield name, f"{name} must be a {kind}"
        elif name == "logging" and value not in LOGGING:
            yield name, f"logging must be one of {', '.join(LOGGING)}"


def _fits(value: Any, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Kind]]:
    """Where two values differ, as property paths (`environment.NAME`)."""
    if isinstance(old, dict) and isinstance(new, dict) and not _marked(old) and not _marked(new):
        for key in sorted(old.keys() | new.keys()):
            yield from _one(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path, "update"


def _one(old: Any, new: Any, path: str) -> Iterator[tuple[str, Kind]]:
    if old is None and new is not None:
        yield path, "add"
    elif old is not None and new is None:
        yield path, "delete"
    else:
        yield from differences(old, new, path)


def _marked(value: dict[str, Any]) -> bool:
    return SIGNATURE in value
