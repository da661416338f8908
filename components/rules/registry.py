"""What a rule is, how rules are run, and how the user has the last word.

A rule is a generator over what it looks at: one network, the whole configuration, or the live
cluster. It yields a `Hit` for each thing that it has to say. Everything else of a rule is data:
its name, severity, evidence and remedy, from which docs/rules.md is made.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as Path_
from typing import Any, Final, Literal

from ..findings import MISSING, Finding, Path, Severity, did_you_mean

Scope = Literal["network", "configuration", "cluster"]
UNUSED: Final = "unused-allow"


@dataclass(frozen=True)
class Hit:
    """What a rule says of one place.

    `path` leads from what the rule looks at, in our names. `message` continues the sentence of a
    `Finding`; `remedy` replaces the rule's own where another one is right here.
    """

    path: Path
    message: str
    value: Any = MISSING
    remedy: str | None = None


@dataclass(frozen=True)
class Rule:
    """A rule and what is known of it."""

    name: str
    severity: Severity
    scope: Scope
    summary: str
    """What it finds, in one sentence."""
    evidence: str
    """Why it is so: the plugin's source by file and function, a document, an issue, or a test."""
    remedy: str
    """What to do, as the finding says it; empty where each finding has its own."""
    check: Callable[..., Iterator[Hit]]

    def finding(self, hit: Hit, place: Path) -> Finding:
        """The finding of a hit, whose path is given as the user wrote it."""
        remedy = self.remedy if hit.remedy is None else hit.remedy
        message = f"{hit.message}. {remedy}" if remedy else hit.message
        return Finding(place, message, hit.value, self.name, self.severity)


RULES: Final[dict[str, Rule]] = {}
_CATALOG: Final = tomllib.loads(Path_(__file__).with_name("catalog.toml").read_text("utf-8"))


def rule(
    name: str,
    severity: Severity | None = None,
    scope: Scope | None = None,
    *,
    evidence: str = "",
    remedy: str = "",
) -> Callable[[Callable[..., Iterator[Hit]]], Callable[..., Iterator[Hit]]]:
    """Register a generator as the rule of that name in the catalog.

    What it takes tells what it looks at: a `Declared` network and the `Configuration`, or the
    `Configuration` alone.
    """

    def register(check: Callable[..., Iterator[Hit]]) -> Callable[..., Iterator[Hit]]:
        if severity is not None:
            summary = (check.__doc__ or "").partition("\n")[0]
            RULES[name] = Rule(name, severity, scope or "network", summary, evidence, remedy, check)
            return check
        known = _CATALOG[name]
        takes = check.__annotations__
        looks_at: Scope = (
            "network" if "one" in takes else "cluster" if "live" in takes else "configuration"
        )
        RULES[name] = Rule(
            name,
            Severity(known["severity"]),
            scope or looks_at,
            known["summary"],
            known["evidence"],
            known.get("remedy", ""),
            check,
        )
        return check

    return register


def of(scope: Scope) -> list[Rule]:
    """The rules that look at the same thing, in the order in which they were registered."""
    return [one for one in RULES.values() if one.scope == scope]


@dataclass(frozen=True)
class Allowed:
    """The rules that the user silences: for the whole stack, or for what lies below a path."""

    path: Path
    """Where the list stands; what it is for lies below the path without its last step."""
    names: tuple[str, ...]


def settle(
    found: Iterable[Finding], allowed: Sequence[Allowed], *, strict: bool, unused: bool = True
) -> list[Finding]:
    """Findings without the allowed ones, and with those of lists that allow in vain.

    strict: warnings are errors. unused: report names that silenced nothing; not for findings of
    the live cluster, which come later than the rest.
    """
    used: set[tuple[Path, str]] = set()
    left = []
    for one in found:
        silencing = [
            (by.path, one.rule)
            for by in allowed
            if one.rule in by.names and one.path[: len(by.path) - 1] == by.path[:-1]
        ]
        used.update(silencing)
        if not silencing:
            left.append(one)
    if unused:
        left += _in_vain(allowed, used)
    if strict:
        left = [_hardened(one) for one in left]
    return left


def _hardened(finding: Finding) -> Finding:
    warning = finding.severity is Severity.WARNING
    return replace(finding, severity=Severity.ERROR) if warning else finding


def _in_vain(allowed: Sequence[Allowed], used: set[tuple[Path, str]]) -> Iterator[Finding]:
    for by in allowed:
        for index, name in enumerate(by.names):
            known = RULES.get(name)
            if (by.path, name) in used or (known is not None and known.scope == "cluster"):
                continue
            message = "it silences nothing here. Remove it"
            if known is None:
                message = f"there is no such rule. {did_you_mean(name, RULES)}"
            path = (*by.path, index)
            yield Finding(path, message, name, UNUSED, Severity.WARNING)


def run(config: Any) -> Iterator[Finding]:
    """Every finding of the rules that need no cluster, in the order of the rules."""
    for one in of("network"):
        for declared in config.networks:
            for hit in one.check(declared, config):
                yield one.finding(hit, declared.place(hit.path))
    for one in of("configuration"):
        for hit in one.check(config):
            yield one.finding(hit, hit.path)
