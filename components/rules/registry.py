"""What a rule is, how rules are run, and how the user has the last word.

A rule is a generator over what it looks at: a network, the whole configuration, or the live
cluster. It yields a `Hit` for each thing that it has to say. Everything else of a rule is data in
catalog.toml: its severity, evidence and remedy, from which docs/rules.md is made.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from ..findings import MISSING, Finding, Path, Severity, did_you_mean
from ..model import Model

if TYPE_CHECKING:
    from .configuration import Configuration, Declared

Scope = Literal["network", "configuration", "cluster"]
Check = Callable[..., Iterator["Hit"]]
C = TypeVar("C", bound=Check)
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
    check: Check
    remedy: str = ""
    """What to do, as the finding says it; empty where each finding has its own."""
    needs: tuple[str, ...] = ()
    """What a rule of the live cluster reads. Without all of it the rule is left out."""

    def finding(self, hit: Hit, place: Path) -> Finding:
        """The finding of a hit, whose path is given as the user wrote it."""
        remedy = self.remedy if hit.remedy is None else hit.remedy
        message = f"{hit.message}. {remedy}" if remedy else hit.message
        return Finding(place, message, hit.value, self.name, self.severity)


RULES: Final[dict[str, Rule]] = {}
_CATALOG: Final = tomllib.loads(File(__file__).with_name("catalog.toml").read_text("utf-8"))


def rule(name: str, *looks_at: str | type[Model]) -> Callable[[C], C]:
    """Register a generator as the rule of that name in the catalog.

    With kinds of models it is given each one in a network alone, and its paths lead from there.
    Otherwise its parameters tell: `one` network and the `config`uration, the `config` alone, or
    the `live` cluster, of which it needs to be shown the objects that are named.
    """
    kinds = tuple(one for one in looks_at if isinstance(one, type))
    needs = tuple(one for one in looks_at if isinstance(one, str))

    def register(check: C) -> C:
        takes = check.__annotations__
        scope: Scope = "cluster" if "live" in takes else "configuration"
        if kinds or "one" in takes:
            scope = "network"
        known = dict(_CATALOG[name])
        severity = Severity(known.pop("severity"))
        run_by = _of_kinds(check, kinds) if kinds else check
        RULES[name] = Rule(name, severity, scope, check=run_by, needs=needs, **known)
        return check

    return register


def _of_kinds(check: Check, kinds: tuple[type[Model], ...]) -> Check:
    def run_by(one: Declared, _: Configuration) -> Iterator[Hit]:
        for path, part in one.parts:
            if isinstance(part, kinds):
                yield from (replace(hit, path=(*path, *hit.path)) for hit in check(part))

    return run_by


def of(scope: Scope) -> list[Rule]:
    """The rules that look at the same thing, in the order in which they were registered."""
    return [one for one in RULES.values() if one.scope == scope]


def run(config: Configuration) -> Iterator[Finding]:
    """Every finding of the rules that need no cluster, in the order of the rules."""
    for one in of("network"):
        for declared in config.networks:
            for hit in one.check(declared, config):
                yield one.finding(hit, declared.place(hit.path))
    for one in of("configuration"):
        for hit in one.check(config):
            yield one.finding(hit, hit.path)


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
        silencing = {
            (by.path, one.rule)
            for by in allowed
            if one.rule in by.names and one.path[: len(by.path) - 1] == by.path[:-1]
        }
        used |= silencing
        if not silencing:
            left.append(one)
    left += _in_vain(allowed, used) if unused else ()
    raised = {Severity.WARNING: Severity.ERROR} if strict else {}
    return [replace(one, severity=raised.get(one.severity, one.severity)) for one in left]


def _in_vain(allowed: Sequence[Allowed], used: set[tuple[Path, str]]) -> Iterator[Finding]:
    for by in allowed:
        for index, name in enumerate(by.names):
            known = RULES.get(name)
            if (by.path, name) in used or (known is not None and known.scope == "cluster"):
                continue
            message = "it silences nothing here. Remove it"
            if known is None:
                message = f"there is no such rule. {did_you_mean(name, RULES)}"
            yield Finding((*by.path, index), message, name, UNUSED, Severity.WARNING)
