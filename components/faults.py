"""Faults: what is wrong with a configuration, said in one line that a person can act on.

Validators raise `FaultsError`, which may carry several faults at once; `translated` turns
pydantic's own errors into the same shape. It does not decide how faults are printed together or
where they stop a run: `settings.py` does that for stack files. A program in Python gets an
`ArgsError` from the class that it calls.

A fault's line reads: path, value, rule, suggestion.
`multus:networks[2].ipam.range is "10.0.0.1/24", but a range must not have host bits set. Did you
mean "10.0.0.0/24"?`
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import ValidationError

T = TypeVar("T")
Path = tuple[str | int, ...]

DISCRIMINATORS: Final = ("type", "distribution")  # of the unions
LONGEST_VALUE: Final = 80
PLAIN_KEY: Final = re.compile(r"[\w:/-]{1,80}")
MISSING: Final = object()


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    `path` leads from the checked object to the faulty value, in the names that the user writes
    (camel case). `rule` continues the sentence: after "…, but" where `value` is given, after the
    path alone where it is not. `absence`: it is because something else is not there.
    """

    path: Path
    rule: str
    value: Any = MISSING
    absence: bool = False

    def under(self, *prefix: str | int) -> Fault:
        """The same fault, seen from an object further out."""
        return replace(self, path=(*prefix, *self.path))

    def __str__(self) -> str:
        if self.value is MISSING:
            return printable(f"{dotted(self.path)} {self.rule}")
        return printable(f"{dotted(self.path)} is {shown(self.value)}, but {self.rule}")


class FaultsError(ValueError):
    """Raised by validators; carries every fault that the validator found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = (str(fault) if fault.path else printable(fault.rule) for fault in faults)
        super().__init__("; ".join(lines))


class ArgsError(FaultsError):
    """What a program in Python gave has faults: their count first, then one line for each.

    Unlike a stack file's error it prints with a traceback, which names the program's line.
    """

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        self.name = name

    def __str__(self) -> str:
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        return f"{self.name} has {count}:" + "".join(f"\n  {fault}" for fault in self.faults)


def refuse(faults: Iterable[Fault]) -> None:
    """Raise `FaultsError` if there is any fault."""
    if found := tuple(faults):
        raise FaultsError(found)


def dotted(path: Path) -> str:
    """`("multus:networks", 2, "ipam")` as `multus:networks[2].ipam`.

    A key that could be taken for two, or for none, is quoted: `extraValues["image.tag"]`.
    """
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
    """A value as the user would write it in JSON, shortened."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except RecursionError:
        text = "nested beyond all reason"
    except (TypeError, ValueError):  # a key that JSON has not, a number of thousands of digits
        text = f"a {type(value).__name__} that JSON has not"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def printable(text: str) -> str:
    """One line for any terminal: what does not print is written as its code.

    That is line breaks, terminal escapes, and halves of surrogate pairs.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def needs_quotes(value: object, example: str = "") -> str:
    """The rule for what is no text, where one is needed."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return ", ".join(filter(None, ("YAML read it as a number. Write it in quotes", example)))
    rule = "nothing stands there. Write a text" if value is None else "a text is needed here"
    return ", ".join(filter(None, (rule, example)))


def missing(key: str, description: str | None) -> Fault:
    """A key that must be there, with what it is for."""
    if not description:
        return Fault((key,), "is missing", absence=True)
    text = description.rstrip(".")
    # "The node's interface" goes on in lower case, "IPAM" does not.
    start = text[0].lower() if text[1:2].islower() or text[1:2] == " " else text[0]
    return Fault((key,), f"is missing: {start}{text[1:]}", absence=True)


def did_you_mean(wrong: object, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or lists all of them where none is near."""
    words = list(known)
    lower = {word.lower(): word for word in words}
    near = get_close_matches(str(wrong).lower(), lower, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{lower[near[0]]}"?'
    return f"Known: {', '.join(words)}." if words else ""


def attempt(validate: Callable[[Any], T], raw: Any) -> tuple[T | None, list[Fault]]:
    """The validated value and no faults, or None and every fault."""
    try:
        return validate(raw), []
    except ValidationError as error:
        return None, unique(translated(error, raw))


def unique(faults: Iterable[Fault]) -> list[Fault]:
    """Each line once: path and rule tell lines apart."""
    return list({(fault.path, fault.rule): fault for fault in reversed([*faults])}.values())[::-1]


def repeated(values: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Index of each value that stood there before, and of its first."""
    seen: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if (first := seen.setdefault(value, index)) != index:
            yield index, first


def translated(error: ValidationError, raw: Any, *, union: bool = True) -> Iterator[Fault]:
    """Pydantic's errors in our words; `raw` is what was validated, by a `union` or a model."""
    for item in error.errors(include_url=False):
        path = _without_tags(item["loc"], raw, union=union)
        context = item.get("ctx", {})
        inner = context.get("error")
        if isinstance(inner, FaultsError):
            yield from (fault.under(*path) for fault in inner.faults)
            continue
        value = item.get("input")
        if item["type"] == "too_short" and len(value) >= context["min_length"]:
            continue  # pydantic counts sound entries; the faulty ones are reported themselves
        yield _sentence(item["type"], path, value, context, item["msg"])


def _without_tags(loc: Sequence[str | int], raw: Any, *, union: bool) -> Path:
    """Pydantic's location without the tags that discriminated unions add to it."""
    path: list[str | int] = []
    here: Any = raw
    fresh = union  # `here` was just entered: a tag can only stand right behind that
    for step in loc:
        if fresh and isinstance(here, Mapping):
            fresh = False
            if step in (here.get(key, MISSING) for key in DISCRIMINATORS):
                continue
        path.append(step)
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        fresh = True
    return tuple(path)


_KINDS: Final = {
    "string_unicode": "that is no text in Unicode",
    "bool_type": "this is either true or false, without quotes",
    "bool_parsing": "this is either true or false, without quotes",
    "int_type": "a whole number is needed here",
    "int_parsing": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "list_type": 'a list is needed here, each entry on its own line after "- "',
    "tuple_type": 'a list is needed here, each entry on its own line after "- "',
    "dict_type": "a mapping of names to values is needed here",
    "mapping_type": "a mapping of names to values is needed here",
    "model_type": "a mapping of names to values is needed here",
    "model_attributes_type": "a mapping of names to values is needed here",
}


def _kind_fault(path: Path, value: Any, context: Mapping[str, Any]) -> Fault:
    """What is wrong with the key that tells the kinds of a union apart."""
    if value is None:
        return Fault(path, "has no value. Write one, or remove it")
    if not isinstance(value, Mapping):
        return Fault(path, "a mapping of names to values is needed here", value)
    key = context["discriminator"].strip("'")
    if key not in value:
        return Fault((*path, key), "is missing: it says which kind this is", absence=True)
    known = [word.strip(" '") for word in context["expected_tags"].split(",")]
    tag = value[key]  # as the user wrote it; pydantic's is Python's form of it
    if tag is None:
        return Fault((*path, key), f"has no value. Known: {', '.join(known)}.")
    return Fault((*path, key), f"that is not a known {key}. {did_you_mean(tag, known)}", tag)


def _sentence(kind: str, path: Path, value: Any, context: Mapping[str, Any], message: str) -> Fault:
    match kind:
        case "literal_error" | "enum":
            # Pydantic's list is `'a', 'b' or 'c'`; a user would write "a".
            expected = context["expected"].replace("'", '"')
            one_of = "one of " if " or " in expected else ""
            return Fault(path, f"it must be {one_of}{expected}", value)
        case "union_tag_invalid" | "union_tag_not_found":
            return _kind_fault(path, value, context)
        case "greater_than_equal":
            return Fault(path, f"it must be at least {context['ge']}", value)
        case "less_than_equal":
            return Fault(path, f"it must be at most {context['le']}", value)
        case "too_short":
            least = context["min_length"]
            needed = "1 entry is" if least == 1 else f"{least} entries are"
            return Fault(path, f"at least {needed} needed", value, absence=True)
        case "value_error":
            return Fault(path, str(context["error"]), value)
        case _ if value is None and kind.endswith("_type"):
            return Fault(path, "has no value. Write one, or remove it")
        case "int_type" if isinstance(value, str) and value.isdecimal():
            return Fault(path, f"{_KINDS[kind]}, without quotes", value)
        case "string_type":
            return Fault(path, needs_quotes(value), value)
        case "string_pattern_mismatch":
            return Fault(path, f"it must have the form {context['pattern']}", value)
        case _:
            return Fault(path, _KINDS.get(kind, message[:1].lower() + message[1:]), value)
