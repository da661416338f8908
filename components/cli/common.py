"""What all commands share: the application, options, and how a command stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import typer

from ..args import MultusArgs
from ..findings import printable
from ..parse import Parsed
from ..stack_file import StackFile, read_stack_file
from ..yaml_file import UnreadableError
from .check import read_stack
from .formats import report

STACKS: Final = Path("stacks")
STOPPED: Final = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def option(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", help=text)


def file_of(named: str) -> str:
    """The file that was named, or that of the stack, if only such a stack is there."""
    stack = STACKS / f"Pulumi.{named}.yaml"
    return str(stack) if stack.is_file() and not Path(named).exists() else named


def name_of(stack: str) -> str:
    """A stack's name from what a command was given: the name, or the path of its file."""
    named = Path(stack).stem.removeprefix("Pulumi.")
    return named if stack.endswith((".yaml", ".yml")) else stack


def stop(message: object, status: int = STOPPED) -> typer.Exit:
    typer.echo(f"error: {printable(str(message))}", err=True)
    return typer.Exit(status)


def arguments(stack: str, status: int = STOPPED) -> tuple[StackFile, MultusArgs]:
    """The stack's file and what it says; ends the command where it has errors.

    status: where there is no such stack.
    """
    file, parsed = examined(stack, status)
    if (args := parsed.args) is None:
        report(parsed.findings, "text", {"file": 1, "network": parsed.networks})
        raise typer.Exit(1)
    return file, args


def examined(stack: str, status: int = STOPPED) -> tuple[StackFile, Parsed]:
    """The same with its errors; ends the command where there is no such stack."""
    path = Path(stack) if stack.endswith((".yaml", ".yml")) else STACKS / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(one.stem.split(".", 1)[1] for one in STACKS.glob("Pulumi.*.yaml")))
        raise stop(f"there is no {path}. Stacks: {there or 'none'}", status)
    try:
        file = read_stack_file(path, str(path))
    except UnreadableError as error:
        raise stop(error, status) from None
    return file, read_stack(file, str(path))
