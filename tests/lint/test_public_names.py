"""What others build on changes only with the changelog: names in Python, keys, options, rules.

`pytest tests/lint/test_public_names.py --update-goldens` writes them down anew. A commit that
changes them says so in CHANGELOG.md.
"""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import typer.core
import typer.main
import yaml

import components
from components import MultusComponent
from components.cli.app import app
from components.cluster import CLUSTERS
from components.ipam import IPAMS
from components.model import Model
from components.multus import OUTPUTS
from components.networks.base import KINDS
from components.parse import KEYS
from components.rules.registry import catalog
from tests.stacks.files import ROOT

NAMES: Final = Path(__file__).with_name("public_names.txt")
CHANGELOG: Final = "CHANGELOG.md"


def public_names() -> Iterator[str]:
    for name in dir(components):
        thing = getattr(components, name)
        yield f"python {name}"
        if inspect.isclass(thing) and issubclass(thing, Model):
            yield from (f"python {name}.{field}" for field in thing.model_fields)
        elif callable(thing) and not (inspect.isclass(thing) and issubclass(thing, Exception)):
            yield from (f"python {name}({one})" for one in inspect.signature(thing).parameters)
    for name in [*MultusComponent.__annotations__, "pod_annotations"]:
        yield f"python MultusComponent.{name}"
    yield from (f"output {name}" for name in OUTPUTS)
    yield from (f"key multus:{key}" for key in KEYS)
    for model in models(Model):
        yield from (f"key {model.__name__}.{key}" for key in model.known_keys())
    for kinds in (KINDS, IPAMS, CLUSTERS):
        yield from (f"kind {name}" for name in kinds)
    yield from (f"rule {name}" for name in catalog())
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        yield f"command {name}"
        for one in command.params:
            yield from (f"command {name} {word}" for word in (*one.opts, *one.secondary_opts))


def models(of: type[Model]) -> Iterator[type[Model]]:
    """The models of the package, which have a key for each that a stack file may have."""
    for one in of.__subclasses__():
        if one.__module__.startswith("components."):
            yield one
        yield from models(one)


def git(*arguments: str) -> list[str]:
    command = ["git", "-C", str(ROOT), *arguments]  # whichever git made the clone
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def commits(*which: str) -> list[str]:
    """Those that changed something: the first one has all files, as has that of a shallow clone."""
    return git("log", "--format=%H", "--min-parents=1", "--max-parents=1", *which)


def without_a_word(commits: list[str]) -> list[str]:
    """Those of the commits that change the names, and the changelog not."""
    where = str(NAMES.relative_to(ROOT))
    changed = {one: git("show", "--format=", "--name-only", "--no-renames", one) for one in commits}
    return [one for one, files in changed.items() if where in files and CHANGELOG not in files]


def test_the_names_are_those_that_are_written_down(*, update_goldens: bool) -> None:
    now = sorted({*public_names()})
    assert len(now) > 300
    if update_goldens:
        NAMES.write_text("".join(f"{one}\n" for one in now), encoding="utf-8")
    assert NAMES.read_text(encoding="utf-8").splitlines() == now


def test_they_change_with_the_changelog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = str(NAMES.relative_to(ROOT))
    assert without_a_word(commits("--", where)) == []
    pending = git("diff", "HEAD", "--name-only")
    assert where not in pending or CHANGELOG in pending
    # Control: a commit of the names alone is found.
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    monkeypatch.setattr(f"{__name__}.NAMES", tmp_path / "names.txt")
    git("init", "--quiet")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for said in (True, False):
        (tmp_path / "names.txt").write_text(f"python {said}\n")
        (tmp_path / CHANGELOG).write_text("said\n")
        git("add", "names.txt", *([CHANGELOG] if said else []))
        git(*who, "commit", "--quiet", "--message=names")
    assert without_a_word(commits()) == git("log", "-1", "--format=%H")


def test_ci_has_the_history_that_this_reads() -> None:
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in ci["jobs"].values() for step in job["steps"]]
    checkouts = [one["with"] for one in steps if "actions/checkout" in one.get("uses", "")]
    assert [one["fetch-depth"] for one in checkouts] == [0]
