"""What a rule is, how checks find what breaks rules, and how the user has the last word.

A rule is data in catalog.toml: its severity, what it says, its remedy and its evidence, from which
docs/rules.md is made. A check is a generator over what it looks at: a model, a network, the whole
configuration, or the live cluster. It yields a `Hit` for each place that breaks a rule, of
whichever rule.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from ..findings import MISSING, Finding, Path, Severity, did_you_mean
from ..model import Model

if TYPE_CHECKING:
    from .configuration import Configuration, Declared
    from .live_objects import Live

Check = Callable[..., Iterator["Hit"]]
C = TypeVar("C", bound=Check)
UNUSED: Final = "unused-allow"
STANDS: Final = object()
"""The value of a hit that is about what stands at its path."""


@dataclass(frozen=True)
class Hit:
    """A place that breaks a rule.

    `path` leads from what the check looks at, or from the network `of`, in our names. `message` and
    `remedy` replace the catalog's where others are right here; `facts` fill the catalog's message.
    """

    path: Path
    message: str | None = None
    value: Any = MISSING
    remedy: str | None = None
    rule: str = ""
    of: Declared | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def at(
    rule: str,
    *path: str | int,
    of: Declared | None = None,
    message: str | None = None,
    remedy: str | None = None,
    **facts: Any,
) -> Hit:
    """A hit about what stands at the path."""
    return Hit(path, message, STANDS, remedy, rule, of, facts)


def where(*tried: tuple[str, str | Path, object]) -> Iterator[Hit]:
    """A hit for each rule, place and condition that holds; a place is a path, or keys with dots."""
    for rule, place, broken in tried:
        if broken:
            yield at(rule, *(place.split(".") if isinstance(place, str) else place))


@dataclass(frozen=True)
class Rule:
    """A rule and what is known of it."""

    name: str
    severity: Severity
    summary: str
    """What it finds, in one sentence."""
    evidence: str
    """Why it is so: the plugin's source by file and function, a document, an issue, or a test."""
    message: str = ""
    """What it says of a place, with names of facts in braces; empty where each hit has its own."""
    remedy: str = ""
    """What to do, as the finding says it; empty where each finding has its own."""
    deploys: str = ""
    """Which `deploy` the stack must have: all, where it is about the release, or networks."""
    scope: Literal["network", "configuration"] = "network"
    """What it is about, unless it needs the live cluster."""
    needs: Sequence[str] = ()
    """The objects that it reads in the live cluster. Where it may read none, it is left out."""

    def is_for(self, config: Configuration) -> bool:
        """Whether such a stack can break it."""
        return self.deploys in ("", config.deploys)

    def finding(self, hit: Hit, place: Path) -> Finding:
        """The finding of a hit, whose path is given as the user wrote it.

        A value that is shown continues the path, "… is 5, but …". A message that begins with "is"
        does so itself.
        """
        said = self.message.format_map(hit.facts) if hit.message is None else hit.message
        remedy = self.remedy.format_map(hit.facts) if hit.remedy is None else hit.remedy
        message, value = f"{said}. {remedy}" if remedy else said, hit.value
        if said.startswith("is ") or isinstance(value, (Model, Mapping, tuple, list)):
            value = MISSING
        elif value is None:
            value, message = MISSING, f"is left out, but {message}"
        elif value is not MISSING and not isinstance(value, int):
            value = str(value)
        return Finding(place, message, value, self.name, self.severity)


@cache
def catalog() -> dict[str, Rule]:
    """Every rule by its name, in the catalog's order; a run without findings does not read it."""
    text = File(__file__).with_name("catalog.toml").read_text("utf-8")
    return {
        name: Rule(name, **{**known, "severity": Severity(known["severity"])})
        for name, known in tomllib.loads(text).items()
    }


_NETWORK: Final[list[Check]] = []
_CONFIGURATION: Final[list[Check]] = []
_CLUSTER: Final[list[Check]] = []


def check(*kinds: type[Model]) -> Callable[[C], C]:
    """Register a check, given each model of these kinds in a network; its paths lead from there.

    It may ask for the `config`uration too. Without kinds its parameters tell: `one` network and
    the `config`uration, the `live` cluster and that, or that alone.
    """

    def register(look: C) -> C:
        if kinds:
            _NETWORK.append(_of_kinds(look, kinds))
        else:
            takes = look.__annotations__
            others = _CLUSTER if "live" in takes else _CONFIGURATION
            (_NETWORK if "one" in takes else others).append(look)
        return look

    return register


def _of_kinds(look: Check, kinds: tuple[type[Model], ...]) -> Check:
    def run_by(one: Declared, config: Configuration) -> Iterator[Hit]:
        more = (config,) if "config" in look.__annotations__ else ()
        for path, part in one.parts:
            for hit in look(part, *more) if isinstance(part, kinds) else ():
                yield replace(hit, path=(*path, *hit.path), facts={"it": part, **hit.facts})

    return run_by


def meant(name: str) -> str:
    """A sentence that names the rule which shares words with the name, or is written alike."""
    words = {*name.split("-")}
    best = max(catalog(), key=lambda one: len(words & {*one.split("-")}))
    if len(words & {*best.split("-")}) > 1:
        return f'Did you mean "{best}"?'
    return did_you_mean(name, catalog()) or "multus-k3s rules lists them"


def of_live_cluster() -> list[Rule]:
    """The rules that look at it, in the order of the catalog."""
    return [one for one in catalog().values() if one.needs]


def run(config: Configuration) -> Iterator[Finding]:
    """Every finding of the rules that need no cluster."""
    for look in _NETWORK:
        for one in config.networks:
            yield from _findings((replace(hit, of=one) for hit in look(one, config)), config)
    for look in _CONFIGURATION:
        yield from _findings(look(config), config)


def run_on(live: Live, config: Configuration) -> list[Finding]:
    """Every finding about the live cluster, as far as its objects may be read."""
    hits = (hit for look in _CLUSTER for hit in look(live, config))
    shown = (one for one in hits if not live.forbidden.issuperset(catalog()[one.rule].needs))
    return [*_findings(shown, config)]


def _findings(hits: Iterable[Hit], config: Configuration) -> Iterator[Finding]:
    for hit in hits:
        if catalog()[hit.rule].is_for(config):
            value = hit.value
            if value is STANDS:
                value = (hit.of or config).value(hit.path) if hit.path else MISSING
            place = hit.path if hit.of is None else hit.of.place(hit.path)
            yield catalog()[hit.rule].finding(replace(hit, value=value), place)


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
            known = catalog().get(name)
            if (by.path, name) in used or (known is not None and known.needs):
                continue
            message = "it silences nothing here. Remove it"
            if known is None:
                message = f"there is no such rule. {meant(name)}"
            yield Finding((*by.path, index), message, name, UNUSED, Severity.WARNING)
