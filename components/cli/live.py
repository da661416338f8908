"""The commands that ask a cluster, which they only read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ..cluster_tasks.kubectl import TaskError
from ..doctor import examined
from ..doctor.pods import held
from ..findings import Severity, printable
from ..parse import PREFIX
from ..picture import Used, rows, svg, text
from ..plan import failed
from ..plan.report import refuses, written
from ..stack_file import StackFile
from ..yaml_file import UnreadableError, read_text
from . import doctor as doctors
from . import drifting, importing, planning
from .common import STOPPED, app, arguments, name_of, option, stop
from .common import examined as examined_stack
from .plan_forms import markdown, show

__all__ = ["app"]

Stack = Annotated[str, typer.Argument(help="Name of a stack, or path of a stack file.")]
ALLOW_DELETIONS = "MULTUS_ALLOW_DELETIONS"
UNREAD_FOR_DRIFT = 1  # 2 is drift
MOST_OF_A_LOG = 1 << 30  # bytes; the engine writes both sides of each resource
AsJson = Annotated[bool, option("json", "Print JSON.")]
AsMarkdown = Annotated[bool, option("markdown", "Print Markdown.")]


def _access(file: StackFile) -> dict[str, str]:
    """What the stack says of its cluster, as the tasks get it in their environment."""
    if "kubeconfig" in file.secret_keys:
        typer.echo("multus:kubeconfig is a secret and was not read; kubectl has its own", err=True)
    context = file.config.get(f"{PREFIX}context")
    return {"MULTUS_CONTEXT": str(context)} if context else {}


def _one_form(status: int = STOPPED, *, as_json: bool, as_markdown: bool) -> None:
    if as_json and as_markdown:
        raise stop("--json and --markdown cannot be given together", status)


@app.command()
def doctor(stack: Stack, *, as_json: AsJson = False, as_markdown: AsMarkdown = False) -> None:
    """Find what is wrong with a deployment: releases, workloads, nodes, pods, Whereabouts' pools.

    The cluster is only read: that of multus:context, in kubectl's own kubeconfig. Each finding has
    the next command.

    Exit status: 0 where nothing is wrong, 1 with findings, 2 where the cluster cannot be read.
    """
    _one_form(as_json=as_json, as_markdown=as_markdown)
    file, args = arguments(stack)
    try:
        seen = doctors.look(args, _access(file))
    except TaskError as error:
        raise stop(error) from None
    found = [*examined(seen, args)]
    doctors.show(found, seen.forbidden, as_json=as_json, as_markdown=as_markdown)
    raise typer.Exit(int(any(one.severity is not Severity.NOTE for one in found)))


@app.command()
def drift(stack: Stack, *, as_json: AsJson = False, as_markdown: AsMarkdown = False) -> None:
    """Find what the cluster has otherwise than the stack says, also what pulumi refresh cannot see.

    The cluster is only read, by kubectl diff too, which asks for dry runs. Each finding has the
    command that repairs it.

    Exit status: 0 without drift, 1 where the stack or the cluster cannot be read, 2 with drift.
    """
    _one_form(UNREAD_FOR_DRIFT, as_json=as_json, as_markdown=as_markdown)
    file, args = arguments(stack, UNREAD_FOR_DRIFT)
    if hidden := "extraValues" in file.secret_keys:
        typer.echo("multus:extraValues is a secret, so the values were not compared", err=True)
    try:
        found = drifting.look(args, _access(file), values_known=not hidden)
    except TaskError as error:
        raise stop(error, UNREAD_FOR_DRIFT) from None
    doctors.show(found, as_json=as_json, as_markdown=as_markdown)
    raise typer.Exit(2 if found else 0)


@app.command()
def picture(
    stack: Stack,
    *,
    out: Annotated[str, option("out", "The SVG's file.  [default: networks-STACK.svg]")] = "",
    as_text: Annotated[bool, option("text", "Print it as text instead.")] = False,
    offline: Annotated[bool, option("offline", "Do not ask the cluster what is taken.")] = False,
) -> None:
    """Draw a stack's networks: on which device each is, its ranges to scale, and what is taken."""
    file, args = arguments(stack)
    found = rows(args.networks, None if offline else _taken(_access(file)))
    name = name_of(stack)
    if as_text:
        typer.echo(text(found), nl=False)
        return
    path = Path(out or f"networks-{name}.svg")
    if path.suffix != ".svg":
        raise stop(f"--out {path}: the file is an SVG, so its name ends in .svg")
    try:
        path.write_text(svg(f"Networks of {name}", found), encoding="utf-8")
    except OSError as error:
        raise stop(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {path}")


def _taken(access: dict[str, str]) -> Used | None:
    """The addresses of running pods; None, and why, where the cluster does not tell."""
    try:
        seen = doctors.pods(access)
    except TaskError as error:
        why = str(error)
    else:
        if "pods" not in seen.forbidden:
            return held(seen)
        why = "the kubeconfig's user may not read pods"
    typer.echo(printable(f"what is taken is not shown: {why}"), err=True)
    return None


@app.command()
def plan(
    stack: Stack,
    *,
    source: Annotated[
        str, option("from", "A preview's event log, or what preview --json printed; - is stdin.")
    ] = "",
    as_markdown: Annotated[bool, option("markdown", "Print Markdown for a pull request.")] = False,
    as_json: AsJson = False,
    diff: Annotated[bool, option("diff", "Show the differences too.")] = False,
    save_plan: Annotated[
        Path | None, option("save-plan", "Where to write what pulumi up --plan takes.")
    ] = None,
    gate: Annotated[
        bool,
        option("gate", "Fail where something is replaced or deleted, or the cluster is not seen."),
    ] = False,
    allow_deletions: Annotated[
        bool,
        typer.Option(help="Let replacements and deletions pass --gate.", envvar=ALLOW_DELETIONS),
    ] = False,
) -> None:
    """Say what pulumi up would change: replacements and deletions, networks, pods, what to mind.

    Pulumi's preview is run, and the cluster is only read. Secrets are not shown.

    Exit status: 0 with a plan, 1 where the preview failed or --gate refuses, 2 where there is none.
    """
    _one_form(as_json=as_json, as_markdown=as_markdown)
    file, parsed = examined_stack(stack)
    name = name_of(stack)
    status = STOPPED
    try:
        said = (
            read_text(source, source, MOST_OF_A_LOG)
            if source
            else planning.preview(name, save_plan)
        )
        found = planning.made(name, said, parsed.args, _access(file))
        status = 1 if found.failed or (gate and refuses(found, allow=allow_deletions)) else 0
    except (planning.NoPreviewError, UnreadableError) as error:
        found = failed(name, [str(error)])
    except ValueError as error:
        found = failed(name, [f"{source or 'the event log'}: {error}"])
    if as_json:
        typer.echo(written(found))
    elif as_markdown:
        typer.echo(markdown(found), nl=False)
    elif status == STOPPED:
        raise stop(found.failed[0])
    else:
        show(found, whole=diff)
    raise typer.Exit(status)


@app.command("import")
def import_stack(
    stack: Annotated[str, typer.Argument(help="Name of the stack to make.")],
) -> None:
    """Write a stack file from what kubectl's cluster has, so that no network changes.

    The cluster is only read. STACK.import.json is for pulumi import: see docs/adopting.md.
    """
    if not re.fullmatch("[A-Za-z0-9_.-]{1,100}", stack) or not stack.strip("."):
        raise stop("the name of a stack has letters, digits, -, _ and dots")
    if not Path("Pulumi.yaml").is_file():
        raise stop("there is no Pulumi.yaml here. Run it in the project's folder")
    try:
        project = importing.project_name(Path("Pulumi.yaml"))
        found, releases = importing.look()
    except (TaskError, UnreadableError) as error:
        raise stop(error) from None
    written = importing.files(stack, project, found, releases)
    if there := [str(one) for one in written if one.exists()]:
        raise stop(f"there is {' and '.join(there)} already. Name another stack, or move it away")
    for path, content in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        typer.echo(f"wrote {path}")
    for note in found.notes:
        typer.echo(f"note: {printable(note)}")
