"""Findings: what a person is told about a configuration, one line each.

A finding says where (`path`, in the names that the user wrote), what (`message`), how bad
(`severity`) and by which rule. Validators raise `FindingsError`, which carries several at once.
How findings are collected and allowed is the business of `rules`; how a run ends because of them
is that of `config`, `args` and the commands.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from itertools import product
from typing import Any, Final

Path = tuple[str | int, ...]

SHAPE: Final = "shape"
"""The rule of whatever cannot be read. It cannot be allowed."""
UNREADABLE: Final = "unreadable"
"""The rule of files that cannot be read. It cannot be allowed either."""
PASSED_OVER: Final = "passed-over"
"""The rule of notes about what nobody looked at."""
MISSING: Final = object()
LONGEST_VALUE: Final = 80
MOST_KNOWN: Final = 40  # words to list where none is near
PLAIN_KEY: Final = re.compile(r"[\w:/#-]{1,80}")


class Severity(StrEnum):
    """How bad a finding is. Only errors stop a run."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing to tell the user.

    `message` continues a sentence: after "…, but" where there is a `value`, else after the path.
    `file` and `line` (from 1) say where it stands, as far as that is known.
    """

    path: Path
    message: str
    value: Any = MISSING
    rule: str = SHAPE
    severity: Severity = Severity.ERROR
    file: str = ""
    line: int | None = None

    def under(self, *prefix: str | int) -> Finding:
        """The same finding, seen from an object further out."""
        return replace(self, path=(*prefix, *self.path))

    @property
    def sentence(self) -> str:
        """The finding without its place and severity, its rule last."""
        value = "" if self.value is MISSING else f"is {shown(self.value)}, but "
        return printable(f"{dotted(self.path)} {value}{self.message}".strip()) + f" [{self.rule}]"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{printable(place)}{self.severity}: {self.sentence}"


def passed_over(
    message: str, file: str = "", *, path: Path = (), line: int | None = None
) -> Finding:
    """A note of what nobody looked at."""
    return Finding(path, message, MISSING, PASSED_OVER, Severity.NOTE, file, line)


class FindingsError(ValueError):
    """Raised by validators, with everything that they found."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(one.sentence for one in self.findings))


class ArgsError(FindingsError):
    """What a Python program passed cannot be deployed: the count first, then one line each.

    Unlike a stack file's error it is printed with a traceback, which names the program's line.
    """

    def __init__(self, name: str, findings: Iterable[Finding]) -> None:
        super().__init__(findings)
        self.name = name

    def __str__(self) -> str:
        return listed(f"{self.name} has", self.findings)


def listed(head: str, findings: Sequence[Finding]) -> str:
    """A heading with the number of findings, and a line for each, errors first."""
    lines = "".join(f"\n  {one}" for one in in_order(findings))
    return f"{head} {counted(findings)}:{lines}"


def counted(findings: Iterable[Finding]) -> str:
    """The number of errors, warnings and notes in words, without those that there are none of."""
    numbers = [(one, sum(f.severity is one for f in findings)) for one in Severity]
    words = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in numbers if n]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:]))) or "no findings"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notes; of these by file, as it was given, and line."""
    found = list(findings)
    files = [*dict.fromkeys(one.file for one in found)]
    rank = {(severity, file): at for at, (severity, file) in enumerate(product(Severity, files))}
    return sorted(found, key=lambda one: (rank[one.severity, one.file], one.line or 0))


def refuse(findings: Iterable[Finding]) -> None:
    """Raise FindingsError where there is any."""
    if found := list(findings):
        raise FindingsError(found)


def invalid(message: str, value: Any = MISSING) -> FindingsError:
    """One finding about the value itself, to be raised by a validator."""
    return FindingsError([Finding((), message, value)])


def dotted(path: Path) -> str:
    """`networks[0].ipam.range`; a key with other characters than a name's stands in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return text


def shown(value: Any) -> str:
    """A value as JSON on one line, shortened; never a traceback, whatever it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = "a value that cannot be shown"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def printable(text: str) -> str:
    """Text that a terminal shows as it is: control and direction characters are written out."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def needs_quotes(value: Any, example: str = "") -> str:
    """What to say of something else where a text belongs."""
    if isinstance(value, bool):
        rule = "a text is needed here, and that is true or false. Write it in quotes"
    elif isinstance(value, int | float):
        rule = "a text is needed here, and that is a number. Write it in quotes"
    else:
        rule = "nothing stands there. Write a text" if value is None else "a text is needed here"
    return f"{rule}, {example}" if example else rule


def nearest(wrong: object, known: Iterable[str]) -> str | None:
    """The known word that was meant, as it seems."""
    lower = {word.lower(): word for word in known}
    near = get_close_matches(str(wrong).lower(), lower, n=1, cutoff=0.6)
    return lower[near[0]] if near else None


def did_you_mean(wrong: object, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or all of them where none is near."""
    words = list(known)
    if near := nearest(wrong, words):
        return f'Did you mean "{near}"?'
    return f"Known: {', '.join(words)}." if 0 < len(words) <= MOST_KNOWN else ""


def repeated(values: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Index of each value that stood there before, and of its first."""
    seen: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if (first := seen.setdefault(value, index)) != index:
            yield index, first


def some(names: Iterable[str], most: int = 3) -> str:
    """A few of the names, and how many more there are."""
    ordered = list(names)
    more = len(ordered) - most
    return ", ".join(ordered[:most]) + (f" and {more} more" if more > 0 else "")
