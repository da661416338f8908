"""What is wrong with raw Helm values (`multus:extraValues`): everything that would not work.

Helm itself says nothing of a value that no template reads, and of a wrong one only on the cluster.
`known.json` lists by dotted path what the templates of rke2-multus v4.2.414 to v4.3.017 read,
whether values.yaml names it or not; `kinds.py` says what each must be.
Rules never quote a value: raw values may be secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from components.chart import DEFAULT, FIRST_GOOD, NEWEST, number_of
from components.faults import MISSING, Fault, did_you_mean
from components.values.forms import malformed
from components.values.kinds import KINDS
from components.values.resources import A_MAPPING
from components.values.rules import (
    DAEMONS,
    IDLE,
    IDLE_STATIC,
    IDLE_THICK,
    IDLE_THIN,
    IMAGES,
    REFUSED,
    SETTING,
    TAKEN,
)

MOST_FAULTS: Final = 20


@dataclass(frozen=True)
class Known:
    """One value that templates read."""

    kind: str
    since: str = FIRST_GOOD
    until: str = NEWEST
    default: Mapping[str, Any] | None = None

    def of(self, version: str) -> bool:
        return number_of(self.since) <= number_of(version) <= number_of(self.until)


KNOWN: Final[Mapping[str, Known]] = {
    dotted: Known(**row)
    for dotted, row in json.loads(Path(__file__).with_name("known.json").read_text()).items()
}


@dataclass(frozen=True)
class Stack:
    """What else the stack says that raw values depend on."""

    version: str = DEFAULT
    ipams: tuple[str, ...] = ()
    """What the stack deploys; empty where it is not known."""
    plugins: tuple[str, ...] = ()
    """CNI plugins that the networks call."""
    thick: bool = False
    dynamic: bool = False
    """Whether the dynamic networks controller is deployed."""
    registry: str | None = None

    @property
    def idle(self) -> Mapping[str, str]:
        """Values that the chart knows and that have no effect in this stack, with the reason."""
        return {
            **IDLE,
            **(IDLE_THICK if self.thick else IDLE_THIN),
            **({} if self.dynamic else IDLE_STATIC),
        }

    @property
    def chosen(self) -> str:
        """The stack's IPAM, as a sentence begins."""
        [first, *others] = self.ipams
        if not others:
            return f"multus:ipam is {first}"
        return f"the stack deploys {' and '.join(self.ipams)}"


def at(values: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        if not isinstance(values, Mapping) or key not in values:
            return MISSING
        values = values[key]
    return values


def faults(extra: Mapping[str, Any], decided: Mapping[str, Any], stack: Stack) -> Iterator[Fault]:
    """The first faults of raw values beside the typed ones; further ones are only counted on."""
    found = list(islice(malformed(extra), MOST_FAULTS + 1))
    if not found:
        found = list(islice(_meaning(extra, decided, stack), MOST_FAULTS + 1))
    yield from found[:MOST_FAULTS]
    if len(found) > MOST_FAULTS:
        yield Fault((), f"has more faults than these {MOST_FAULTS}. Mend them first")


def _meaning(extra: Mapping[str, Any], decided: Mapping[str, Any], stack: Stack) -> Iterator[Fault]:
    own = list(_walk(extra, decided, stack, ()))
    yield from own
    if not own:  # what is across values would only repeat it
        yield from _skipped(extra, stack)
        yield from _images(extra, stack.registry)
        yield from _names(extra)


def _walk(
    extra: Mapping[str, Any], decided: Mapping[str, Any], stack: Stack, above: tuple[str, ...]
) -> Iterator[Fault]:
    for key, value in extra.items():
        here = (*above, key)
        dotted = ".".join(here)
        mine = decided.get(key, MISSING)
        if mine is not MISSING and not (isinstance(mine, Mapping) and isinstance(value, Mapping)):
            yield Fault(
                here, f"the program sets {dotted} itself. Remove it; {_instead(here)}", value
            )
            continue
        inner = mine if isinstance(mine, Mapping) else {}
        fault = _unread(here, inner, stack)
        if fault:
            yield fault
        elif dotted in REFUSED and REFUSED[dotted][0](value):
            yield Fault(here, REFUSED[dotted][1], value)
        elif value is None:
            yield Fault(
                here, "null changes nothing here: the chart's default stays. Remove it", None
            )
        elif dotted in KNOWN:
            for found in KINDS[KNOWN[dotted].kind](value):
                yield found.under(*here)
        elif not isinstance(value, Mapping):
            if dotted not in REFUSED:
                yield Fault(here, A_MAPPING, value)
        else:
            yield from _walk(value, inner, stack, here)


def _unread(here: tuple[str, ...], decided: Mapping[str, Any], stack: Stack) -> Fault | None:
    """The fault of a value that has no effect, if it has none."""
    *above, key = here
    dotted = ".".join(here)
    ipam, daemon = DAEMONS.get(here[0], ("", ""))
    if daemon and stack.ipams and ipam not in stack.ipams and not decided:
        return Fault(here, f"does nothing: {stack.chosen}, so {daemon} is not deployed. Remove it")
    if reason := stack.idle.get(dotted):
        return Fault(here, reason)
    siblings = names(tuple(above), stack.version)
    if key in siblings:
        return None
    if "." in key and names((*above, *key.split(".")[:-1]), stack.version):
        inside = ": {".join(key.split("."))
        return Fault(
            here,
            "is one name with dots to Helm, and no value of the chart. Write mappings: "
            f"{inside}: …{'}' * key.count('.')}",
        )
    if known := KNOWN.get(dotted):
        when = f"since {known.since}" if known.since != FIRST_GOOD else f"up to {known.until}"
        return Fault(here, f"does nothing: the chart reads it {when} only. Remove it")
    return Fault(here, f"is no value of the chart. {did_you_mean(key, siblings)}")


def names(above: tuple[str, ...], version: str) -> list[str]:
    """What the chart of that version may hold directly below a path."""
    found: dict[str, None] = {}
    read = [dotted for dotted, known in KNOWN.items() if known.of(version)]
    for dotted in (*read, *(dotted for dotted in REFUSED if dotted not in KNOWN)):
        path = tuple(dotted.split("."))
        if len(path) > len(above) and path[: len(above)] == above:
            found[path[len(above)]] = None
    return list(found)


def _skipped(extra: Mapping[str, Any], stack: Stack) -> Iterator[Fault]:
    """CNI plugins that the chart is told not to install, and that are needed nevertheless."""
    dotted = "cniplugins.skipcnis"
    value = at(extra, dotted)
    if value is MISSING:
        return
    path, skipped = tuple(dotted.split(".")), value.split(",")
    for plugin in sorted({*stack.plugins} & {*skipped}):
        rule = f"the stack's networks need {plugin}, which then is not installed. Take it out"
        yield Fault(path, rule, value)
    if "flannel" not in skipped:
        rule = 'the chart then replaces the cluster\'s own flannel plugin. Write "flannel" in front'
        yield Fault(path, rule, value)


def _images(extra: Mapping[str, Any], registry: str | None) -> Iterator[Fault]:
    """References of images that the templates' `registry/repository:tag` does not yield."""
    for dotted in IMAGES:
        repository, tag = at(extra, f"{dotted}.repository"), at(extra, f"{dotted}.tag")
        path = (*dotted.split("."), "repository")
        if repository is MISSING:
            continue
        digest = isinstance(tag, str) and re.fullmatch(r"[0-9a-f]{64}", tag)
        if repository.endswith("@sha256") and not digest:
            yield Fault(path, "the 64 digits of the digest are needed as the tag", repository)
        elif registry and (
            repository.startswith(f"{registry}/") or ":" in repository.partition("/")[0]
        ):
            rule = "the chart puts multus:registry in front. Leave the registry out here"
            yield Fault(path, rule, repository)


def _names(extra: Mapping[str, Any]) -> Iterator[Fault]:
    for dotted, taken in TAKEN.items():
        name = at(extra, dotted)
        if name in taken:
            yield Fault(tuple(dotted.split(".")), "another one has that name. Choose another", name)
    own, theirs = (at(extra, dotted) for dotted in TAKEN)
    if own is not MISSING and own == theirs:
        yield Fault(
            ("serviceAccount", "name"), "Whereabouts is given the same. Choose another", own
        )


def _instead(path: tuple[str, ...]) -> str:
    leading = (".".join(path[:length]) for length in range(len(path), 0, -1))
    return next(SETTING[dotted] for dotted in leading if dotted in SETTING)
