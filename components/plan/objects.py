"""The manifests that change, of networks and of charts, and the engine's inputs, as differences."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from ..findings import printable
from ..yaml_file import dumped
from .engine import Json, Step

Objects = Mapping[str, Any]
"""Objects of Kubernetes by `Kind namespace/name`."""
DAEMONS: Final = ("DaemonSet", "Deployment")


@dataclass(frozen=True)
class Difference:
    """What differs about one thing, as lines of a unified diff."""

    title: str
    text: str


def objects(manifests: str, namespace: str) -> Objects:
    """What a chart renders, in the namespace of its release unless it says another."""
    found = {}
    for one in yaml.safe_load_all(manifests):
        if isinstance(one, dict) and "kind" in one:
            meta = one.get("metadata") or {}
            found[f"{one['kind']} {meta.get('namespace', namespace)}/{meta.get('name')}"] = one
    return found


def differences(old: Objects, new: Objects) -> Iterator[Difference]:
    for key in sorted({*old, *new}):
        if text := _unified(old.get(key), new.get(key)):
            yield Difference(key, text)


def of_steps(steps: Iterable[Step]) -> Iterator[Difference]:
    """What the engine says of each resource: the properties, and how the inputs differ."""
    for one in steps:
        old, new = ({**side} for side in (one.old, one.new))
        if not (old and new):  # the whole text of a task, which a change would show a part of
            old.pop("stdin", None)
            new.pop("stdin", None)
        text = _unified(old or None, new or None)
        said = f"properties: {', '.join(one.paths)}\n" if one.paths else ""
        yield Difference(one.title, f"{said}{text}")


def restarts(old: Objects, new: Objects) -> Iterator[tuple[str, int | str]]:
    """Workloads whose pods a change replaces, with how many at a time are away."""
    for key in sorted({*old} & {*new}):
        before, after = (_template(one[key]) for one in (old, new))
        if key.split()[0] in DAEMONS and before != after:
            strategy = new[key]["spec"].get("updateStrategy") or {}
            yield key, (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)


def _template(one: Json) -> Any:
    return (one.get("spec") or {}).get("template")


def _unified(old: Any, new: Any) -> str:
    before, after = (
        [] if one is None else dumped(one, width=1000, sort=True).splitlines() for one in (old, new)
    )
    lines = difflib.unified_diff(before, after, lineterm="")
    return "\n".join(printable(line) for line in [*lines][2:])
