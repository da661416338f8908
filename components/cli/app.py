"""The commands that need no cluster; with those of live.py they are the whole application."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

import typer

from ..chart.packages import ChartError
from ..chart.values import images as images_of
from ..chart.versions import DEFAULT, REPOSITORY, Chart
from ..cluster import Nodes
from ..findings import UNREADABLE, Finding, FindingsError, Severity, did_you_mean
from ..model import read
from ..networks import KINDS
from ..rules.registry import catalog, meant
from ..yaml_file import UnreadableError
from . import charts, pages, reference
from . import schema as stack_schema
from .check import check_file, runs_on
from .common import STACKS, STOPPED, arguments, file_of, option, stop
from .formats import Format, report
from .live import app
from .node_files import Form, written

__all__ = ["app"]

SCHEMA: Final = Path("schemas/stack.schema.json")
PACKAGE: Final = "multus-k3s"


def _version(*, wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"{PACKAGE} {version(PACKAGE)}")
        except PackageNotFoundError:
            typer.echo(f"{PACKAGE} of a checkout, which git describe tells")
        raise typer.Exit


@app.callback()
def options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Check and explain stacks of Multus on K3s, and NetworkAttachmentDefinitions."""


@app.command()
def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Stacks, networks in files and manifests; - is standard input.  "
            "[default: stacks/Pulumi.*.yaml]"
        ),
    ] = None,
    cluster: Annotated[str, option("cluster", "Where manifests run: k3s@VERSION, rke2@…")] = "",
    nodes: Annotated[
        Nodes | None, option("nodes", "How many nodes that cluster has.  [default: multi]")
    ] = None,
    form: Annotated[Format, option("format", "How to print the findings.")] = "text",
) -> None:
    """Find mistakes in stack files and network manifests.

    It says what cannot work, and what works and may surprise. Nothing is changed, and no cluster
    is asked. Each file is a configuration of its own.

    Exit status: 0 without errors and warnings, 1 with some, 2 where a file cannot be read.
    """
    names = [*dict.fromkeys(map(file_of, files or ()))]
    names = names or sorted(map(str, STACKS.glob("Pulumi.*.yaml")))
    if not names:
        raise stop("there is no stacks/Pulumi.*.yaml here. Name the files to check")
    try:
        where = runs_on(cluster, nodes)
    except ValueError as error:
        raise stop(f"--cluster {cluster}: {error}") from None
    found: list[Finding] = []
    networks = 0
    for name in names:
        try:
            checked = check_file(name, where)
        except UnreadableError as error:
            found.append(error.finding)
        else:
            found += checked.findings
            networks += checked.networks
    once = {str(one): one for one in found}  # stacks may share a file
    report([*once.values()], form, {"file": len(names), "network": networks})
    if any(one.rule == UNREADABLE for one in found):
        raise typer.Exit(STOPPED)
    raise typer.Exit(int(any(one.severity is not Severity.NOTE for one in found)))


@app.command()
def images(
    stack: Annotated[str, typer.Argument(help="Name of a stack, or path of a stack file.")],
    *,
    published: Annotated[
        bool, option("published", "Leave multus:registry out: what to copy from.")
    ] = False,
) -> None:
    """List the images that a stack's nodes pull, one a line."""
    file, args = arguments(stack)
    if "extraValues" in file.secret_keys:
        typer.echo("multus:extraValues is a secret and was not read", err=True)
    for image in images_of(args.values, args.chart.facts, published=published):
        typer.echo(image)


@app.command(name="node-files")
def node_files(
    stack: Annotated[str, typer.Argument(help="Name of a stack, or path of a stack file.")],
    form: Annotated[Form, option("format", "As text, or for cloud-init or Ansible.")] = "plain",
) -> None:
    """Print the files of each node with which its pods wait while Multus is away, and the steps."""
    typer.echo(written(arguments(stack)[1].cluster, form), nl=False)


@app.command("charts")
def list_charts(
    old: Annotated[str, typer.Argument(help="A version, to compare with another.")] = "",
    new: Annotated[str, typer.Argument(help="The other one.  [default: the newest known]")] = "",
    *,
    repository: Annotated[
        str, option("repository", "The chart repository, or a mirror of it.")
    ] = REPOSITORY,
    path: Annotated[
        str | None, option("path", "A folder with the packages, instead of a repository.")
    ] = None,
) -> None:
    """List the chart's versions, and what is new in the repository; or compare two.

    A comparison has the images, where the CRDs are, and the difference of the packages' files.
    """
    try:
        if not old:
            lines = charts.versions(repository)
        else:
            source = {"path": path} if path else {"repository": repository}
            pair = [read(Chart, {"version": one, **source}) for one in (old, new or DEFAULT)]
            lines = charts.changes(*pair)
        for line in lines:
            typer.echo(line)
    except ChartError as error:
        raise stop(error) from None
    except FindingsError as error:
        raise stop(error.findings[0].sentence) from None


@app.command()
def schema(
    *,
    write: Annotated[bool, option("write", f"Write {SCHEMA}.")] = False,
    check: Annotated[bool, option("check", f"Exit with 1 where {SCHEMA} is old.")] = False,
    markdown: Annotated[bool, option("markdown", "Print docs/reference.md.")] = False,
) -> None:
    """Print the JSON Schema of stack files, for editors."""
    text = stack_schema.text()
    if markdown:
        sys.stdout.write(reference.page())
    elif check:
        if not SCHEMA.is_file() or SCHEMA.read_text(encoding="utf-8") != text:
            typer.echo(f"{SCHEMA} is out of date. Run multus-k3s schema --write", err=True)
            raise typer.Exit(1)
    elif write:
        SCHEMA.parent.mkdir(exist_ok=True)
        SCHEMA.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


@app.command()
def rules(
    name: Annotated[str, typer.Argument(help="A rule to explain; all are listed without.")] = "",
    *,
    markdown: Annotated[bool, option("markdown", "Print docs/rules.md.")] = False,
) -> None:
    """Explain the rules, their remedies and their evidence."""
    if markdown:
        sys.stdout.write(pages.rules_page())
    elif name in catalog():
        typer.echo("\n".join(pages.rule_entry(catalog()[name])))
    elif name:
        raise stop(f'there is no rule "{name}". {meant(name)}')
    else:
        for key, rule in sorted(catalog().items()):
            typer.echo(f"{rule.severity:8} {key}: {rule.summary}")


@app.command()
def kinds(
    name: Annotated[str, typer.Argument(help="A kind to explain; all are listed without.")] = "",
    *,
    markdown: Annotated[bool, option("markdown", "Print docs/networks.md.")] = False,
) -> None:
    """List the kinds of networks that a stack file knows."""
    if markdown:
        sys.stdout.write(pages.kinds_page())
    elif name in KINDS:
        typer.echo(pages.kind_entry(name))
    elif name:
        raise stop(f'there is no kind "{name}". {did_you_mean(name, KINDS)}')
    else:
        typer.echo("\n".join(f"{name:12} {about}" for name, about in pages.kinds().items()))
