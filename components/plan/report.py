"""A plan as parts in their order, which each renderer writes in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from . import Plan
from .objects import Difference

HEADER = ("network", "field", "old", "new")
WORDS = {"replace": "replaced", "delete": "deleted", "create": "created", "update": "updated"}


@dataclass(frozen=True)
class Line:
    """A sentence; `item` of a list."""

    text: str
    item: bool = False


@dataclass(frozen=True)
class Table:
    """Rows below a header; cells are values as they were found."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Fold:
    """Differences that are shown on demand."""

    title: str
    differences: tuple[Difference, ...]


Part = Line | Table | Fold
_PLAN: Final = TypeAdapter(Plan)


def written(plan: Plan) -> str:
    """The plan as JSON, from which `from_json` makes it again."""
    return _PLAN.dump_json(plan, indent=2).decode()


def from_json(text: str) -> Plan:
    """A plan that somebody wrote; raises ValueError where it is none."""
    return _PLAN.validate_json(text)


def refuses(plan: Plan, *, allow: bool) -> bool:
    """Whether a pull request should not be merged as it is. allow: what is lost may go."""
    return bool(plan.failed or plan.gated or (plan.lost and not allow))


def headline(plan: Plan) -> str:
    """The one sentence that a reader may stop after."""
    if plan.failed:
        return f"{plan.stack}: no plan. {plan.failed[0]}"
    gap = f"incomplete. {plan.unseen[0]}. " if plan.unseen else ""
    return f"{plan.stack}: {gap}{counted(plan)}"


def counted(plan: Plan) -> str:
    """Replacements and deletions first, also where there are none."""
    numbers = {"replace": 0, "delete": 0, **plan.counts}
    if not plan.counts:
        return "nothing changes"
    return ", ".join(f"{number} {WORDS.get(op, op + 'ed')}" for op, number in numbers.items())


def parts(plan: Plan) -> Iterator[Part]:
    """All but the headline; of a failed preview what it found, and nothing else."""
    for text in (*plan.failed[1:], *plan.unseen[1:], *plan.lost):
        yield Line(text, item=True)
    if plan.networks:
        rows = [
            (one.key if index == 0 else "", row.name or one.op, row.old, row.new)
            for one in plan.networks
            for index, row in enumerate(one.fields)
        ]
        yield Table(HEADER, tuple(rows))
    for one in plan.networks:
        for what, text in (("gains", one.gained), ("loses", one.lost)):
            if text and one.op == "update":
                yield Line(f"{one.key} {what} addresses: {text}", item=True)
    if plan.hazards:
        yield Line("What to mind:")
        for text in plan.hazards:
            yield Line(text, item=True)
    if plan.manifests:
        yield Fold("Manifests that change", plan.manifests)
    if plan.steps:
        yield Fold("The engine's steps", plan.steps)
