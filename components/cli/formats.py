"""Findings as text for people and as what machines read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from ..findings import Finding, Severity, counted, dotted, in_order, printable
from ..rules.registry import catalog

Format = Literal["text", "json", "github", "sarif"]
STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def report(found: Sequence[Finding], form: Format, looked_at: Mapping[str, int]) -> None:
    """Print findings, errors first; `looked_at` counts things by their name."""
    ordered = [replace(one, file=printable(one.file)) for one in in_order(found)]
    if form == "text":
        _print_text(ordered, looked_at)
    elif form == "json":
        print(json.dumps({"findings": [_as_json(one) for one in ordered]}, indent=2))
    elif form == "sarif":
        print(json.dumps(_as_sarif(ordered), indent=2))
    else:
        for one in ordered:
            print(_as_command(one))


def _print_text(found: Sequence[Finding], looked_at: Mapping[str, int]) -> None:
    """One line for each finding and a summary; in colour on a terminal alone."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    for one in found:
        head = str(one).removesuffix(one.sentence)
        console.print(Text.assemble((head, STYLES[one.severity]), one.sentence))
    things = (f"{number} {name}{'s' * (number != 1)}" for name, number in looked_at.items())
    console.print(", ".join((*things, counted(found))))


def _as_json(one: Finding) -> dict[str, Any]:
    known = {"file": one.file, "line": one.line, "path": dotted(one.path)}
    message = _message(replace(one, path=()))
    return {**known, "severity": one.severity, "rule": one.rule, "message": message}


def _as_command(one: Finding) -> str:
    """A workflow command, which GitHub shows at the line of a pull request."""
    where = {"file": one.file, "line": one.line, "title": one.rule}
    properties = ",".join(
        f"{key}={_escaped(str(value), ':,')}" for key, value in where.items() if value
    )
    command = "notice" if one.severity is Severity.NOTE else one.severity
    return f"::{command} {properties}::{_escaped(_message(one))}"


def _as_sarif(found: Sequence[Finding]) -> dict[str, Any]:
    """SARIF 2.1.0, whose levels have the names of ours."""
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.summary},
            "help": {
                "text": f"{(rule.remedy or rule.summary).rstrip('.')}. Evidence: {rule.evidence}"
            },
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in catalog().values()
    ]
    results = [
        {
            "ruleId": one.rule,
            "level": one.severity,
            "message": {"text": _message(one)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(one.file)},
                        "region": {"startLine": one.line or 1},
                    }
                }
            ],
        }
        for one in found
    ]
    run = {"tool": {"driver": {"name": "multus-k3s", "rules": rules}}, "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [run]}


def _message(finding: Finding) -> str:
    """The sentence without the rule's name, which machines get by itself."""
    return finding.sentence.removesuffix(f" [{finding.rule}]").strip()


def _escaped(text: str, more: str = "") -> str:
    for one in "%\r\n" + more:
        text = text.replace(one, f"%{ord(one):02X}")
    return text
