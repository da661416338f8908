"""Which files a stack's `networkFiles` name, and the networks in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from .findings import Finding
from .sources import Source, read_networks
from .yaml_file import UnreadableError, documents, read_text

PROJECT: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
PULUMIS_OWN: Final = re.compile(r"Pulumi(\..+)?\.(ya?ml|json)")
Files = dict[Path, tuple[str, str]]
"""By what they really are: the pattern that found each, and its name from the root."""


@dataclass(frozen=True)
class Root:
    """The folder that patterns begin from."""

    folder: Path
    """Absolute, or from the working directory, as the stack file is named."""
    called: str = "the folder of Pulumi.yaml"


def root_of(stack_file: str) -> Root:
    """The folder of the nearest Pulumi.yaml: above the stack file, else above where we are."""
    own = Path(os.path.abspath(stack_file)).parent  # noqa: PTH100 (a link leads elsewhere)
    above = (*(own, *own.parents), *(Path.cwd(), *Path.cwd().parents))
    known = [one for one in above if any((one / name).is_file() for name in PROJECT)]
    found = next(iter(known), own)
    folder = found if Path(stack_file).is_absolute() else Path(os.path.relpath(found))
    if known:
        return Root(folder)
    return Root(folder, "the stack file's folder, as no Pulumi.yaml is above it")


def read_patterns(patterns: Iterable[Any], root: Root) -> tuple[list[Source], list[Finding]]:
    """The networks of all files that patterns name, below the project's folder.

    What is wrong with a pattern is at its place in `networkFiles`, and with a file in that file.
    """
    made: list[Source] = []
    said: list[Finding] = []
    taken: Files = {}
    for index, pattern in enumerate(patterns):
        if isinstance(pattern, str):  # `parse` says what is wrong with others
            wrong = dict.fromkeys(_take(pattern, root, taken))
            said += (Finding(("networkFiles", index), one, pattern) for one in wrong)
    for _, name in taken.values():
        file = str(root.folder / name)
        try:
            found = documents(read_text(file, file), file)
        except UnreadableError as error:
            said.append(error.finding)
        else:
            own, wrong_there = read_networks(found, file, deployed=True)
            made += own
            said += wrong_there
    return made, said


def _take(pattern: str, root: Root, taken: Files) -> Iterator[str]:
    """Add the files that a pattern finds; yields what is wrong with it, in words."""
    path = Path(pattern)
    if path.is_absolute() or ".." in path.parts:
        yield f"it must be written from {root.called}, and without .."
        return
    inside = Path(os.path.realpath(root.folder))
    matches = _matching(root.folder, path.parts)
    if not matches:
        yield f"it finds no file, seen from {root.called}. Correct it, or remove it"
    elif all(map(Path.is_dir, matches)):
        # At the top a pattern would find Pulumi.yaml too.
        below = path if path.parts[:1] not in ((), ("**",)) else Path("networks")
        yield f"it finds folders only. Write {below / '*.yaml'}"
    # Links last, so that they are named as such.
    found = [(Path(os.path.realpath(one)), one.relative_to(root.folder)) for one in matches]
    for real, name in sorted(found, key=lambda one: (one[0] != inside / one[1], one[1])):
        here = root.folder / name
        before, other = taken.get(real, ("", ""))
        if not real.is_relative_to(inside):
            link = _way_out(name, root.folder, inside)
            yield f"{link} is a link that leads out of the project. Put the files inside"
        elif PULUMIS_OWN.fullmatch(name.name):
            yield f"{name} is Pulumi's own file. Write a pattern that does not find it"
        elif not real.exists():
            yield f"{name} is a link to {here.readlink()}, and nothing is there. Remove the link"
        elif other == str(name):
            yield f'{name} is found by "{before}" too. Let one of them find it'
        elif other:
            yield f"{name} is {other} once more, by a link. Remove the link"
        elif real.is_file():
            taken[real] = (pattern, str(name))
        elif not real.is_dir():
            yield f"{name} is no file. Remove it"


def _matching(folder: Path, parts: Iterable[str]) -> set[Path]:
    """What lies below a folder and matches. `**` follows no link, which could lead in circles."""
    found = {folder}
    for part in parts:
        if part == "**":
            found = {below for one in found for below in _folders(one)}
        else:
            found = {
                one / name
                for one in found
                for name in _names(one)
                if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
            }
    return found


def _folders(folder: Path) -> Iterator[Path]:
    """The folder and those below it that are not hidden."""
    for here, below, _ in os.walk(folder):
        below[:] = (one for one in below if not one.startswith("."))
        yield Path(here)


def _names(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except OSError:
        return []


def _way_out(name: Path, folder: Path, inside: Path) -> Path:
    """The first link on the way to a file that leads out of the project: the file or a folder."""
    steps = [*reversed(name.parents), name]
    real = (Path(os.path.realpath(folder / one)) for one in steps)
    return next(one for one, at in zip(steps, real, strict=True) if not at.is_relative_to(inside))
