"""The published charts' facts, as `facts.json` records them: one case per chart and values.

    cases    name -> chart, values (or `over`, a case whose values they are merged into), and for
             each version what it renders: a list of keys into `objects`, or `fails`
    objects  facts by the digest of their own text, because most versions share most objects
    tags     image tag by repository, for each version

Reads only. `collect.py` writes the file, from published packages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.charts.facts import Facts

FACTS = Path(__file__).parent / "facts.json"


@dataclass(frozen=True)
class Case:
    """One version of one chart, given these values."""

    name: str
    chart: str
    version: str
    values: Mapping[str, Any]
    objects: Mapping[str, Facts]
    """What it renders, by object; empty when it fails."""
    fails: str
    """The end of Helm's message; empty when it renders."""

    def __str__(self) -> str:
        return f"{self.chart}-{self.version}-{self.name}"


def cases(content: Mapping[str, Any] | None = None) -> list[Case]:
    """Every case of `facts.json`, by name, then version."""
    content = read() if content is None else content
    return [
        Case(
            name=name,
            chart=case["chart"],
            version=version,
            values=values_of(content, name),
            objects={
                content["objects"][key]["object"]: content["objects"][key]["facts"]
                for key in outcome.get("renders", [])
            },
            fails=outcome.get("fails", ""),
        )
        for name, case in sorted(content["cases"].items())
        for version, outcome in sorted(case["versions"].items())
    ]


def tags(version: str) -> dict[str, str]:
    """Image tag by repository, for a version of the main chart such as `v4.3.017`."""
    content: dict[str, str] = read()["tags"][version]
    return content


def read() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return content


def values_of(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The case's complete values."""
    case = content["cases"][name]
    values: dict[str, Any] = case["values"]
    return merged(values_of(content, case["over"]), values) if "over" in case else values


def merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm merges two values files: mappings by key, anything else replaced whole."""
    result = dict(base)
    for key, value in overlay.items():
        under = result.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        result[key] = merged(under, value) if both and under is not None else value
    return result


def object_key(entry: Mapping[str, Any]) -> str:
    """Digest of an object's facts: equal facts are stored once."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:12]
