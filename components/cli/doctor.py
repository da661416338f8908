"""`multus-k3s doctor`: asks the cluster, and shows what is found."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from textwrap import indent
from typing import Any, Final

import typer

from ..args import MultusArgs
from ..chart.versions import NAMESPACE
from ..cluster_tasks.kubectl import Kubectl, TaskError, connected
from ..cluster_tasks.readiness import report, states
from ..cluster_tasks.survey import FORBIDDEN, survey
from ..doctor import Diagnosis, Seen
from ..doctor.seen import READS
from ..findings import Severity, printable
from .markdown import code, folded, prose


def look(args: MultusArgs, access: Mapping[str, str]) -> Seen:
    """What the cluster has; raises TaskError. access: as the tasks get it in their environment."""
    with connected({**os.environ, **access}) as kubectl:
        answer = survey(kubectl, READS)
        forbidden, not_ready = {*answer["forbidden"]}, {}
        try:
            not_ready = _not_ready(kubectl, args) if args.deploy == "all" else {}
        except TaskError as failure:
            if FORBIDDEN not in str(failure):
                raise
            forbidden.add("workloads")
    return Seen(answer["found"], frozenset(forbidden), not_ready)


def pods(access: Mapping[str, str]) -> Seen:
    """The pods alone; raises TaskError."""
    with connected({**os.environ, **access}) as kubectl:
        answer = survey(kubectl, {"pods": READS["pods"]})
    return Seen(answer["found"], frozenset(answer["forbidden"]))


def _not_ready(kubectl: Kubectl, args: MultusArgs) -> dict[str, tuple[str, ...]]:
    """By workload why it is not ready, then a line for each of its pods, as the wait says it."""
    where = f"--namespace={NAMESPACE}"
    live, problems = states(kubectl, where, args.workloads)
    found: dict[str, list[str]] = {}
    for line in report(kubectl, where, problems, live, time.monotonic):
        name, _, why = line.partition(": ")
        if name in problems:
            found[name] = [why]
        elif found:
            found[[*found][-1]].append(line.strip())
    return {name: tuple(lines) for name, lines in found.items()}


MOST_LINES: Final = 20
UNREAD: Final = "note: the kubeconfig's user may not read {}, so they were not looked at"


def show(
    found: Sequence[Diagnosis],
    forbidden: Collection[str] = (),
    *,
    as_json: bool = False,
    as_markdown: bool = False,
) -> None:
    """What was found, what mends it, and how many there are; as text in neither form."""
    unread = sorted(forbidden)
    if as_json:
        findings = [_as_json(one) for one in found]
        typer.echo(json.dumps({"findings": findings, "unread": unread}, indent=2))
        return
    if as_markdown:
        typer.echo("\n".join(_markdown(found, unread)))
        return
    for one in found:
        typer.echo(printable(f"{one.severity}: {one.subject} {one.message} [{one.check}]"))
        for line in one.details[:MOST_LINES]:
            typer.echo(printable(f"    {line}"))
        if len(one.details) > MOST_LINES:
            typer.echo(f"    and {len(one.details) - MOST_LINES} lines more")
        typer.echo(printable(f"  next: {one.command}"))
    for name in unread:
        typer.echo(UNREAD.format(name))
    typer.echo(_counted(found))


def _counted(found: Sequence[Diagnosis]) -> str:
    wrong = sum(one.severity is not Severity.NOTE for one in found)
    notes = len(found) - wrong
    also = f" and {notes} note{'s' * (notes != 1)}" if notes else ""
    return f"{wrong} finding{'s' * (wrong != 1)}{also}" if wrong else f"nothing is wrong{also}"


def _markdown(found: Sequence[Diagnosis], unread: Sequence[str]) -> Iterator[str]:
    yield f"### {_counted(found)}\n"
    for one in found:
        yield f"- **{one.severity}:** {code(one.subject)} {prose(one.message)}. "
        yield f"  Next: {code(one.command)}"
        if one.details:
            yield indent(folded(f"{len(one.details)} lines", "\n".join(one.details)), "  ")
    yield from (f"- {prose(UNREAD.format(name))}" for name in unread)


def _as_json(one: Diagnosis) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if value != ()}
