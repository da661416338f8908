"""Arrows go one way: the core knows neither Pulumi nor what tests it.

What reads configuration, registers resources or imports pulumi is a thin shell; all else can be
tested in milliseconds, and stays so only while nobody imports across.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
COMPONENTS: Final = ROOT / "components"
FILES: Final = {
    str(path.relative_to(COMPONENTS)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(COMPONENTS.rglob("*.py"))
}

# From the ground up; a file imports from its own layer and those below. The last is the shell.
LAYERS: Final = (
    (
        "findings",
        "wording",
        "plain",
        "model",
        "one_of",
        "addresses",
        "fields",
        "yaml_file",
        "kubeconfig",
    ),
    ("manifest", "sources", "network_files"),
    ("cluster", "fail_closed", "chart", "schedule", "placement", "cluster_tasks"),
    ("ipam",),
    ("networks",),
    ("rules",),
    ("args", "package", "parse"),
    (
        "own_state",
        "preflight",
        "project_file",
        "stack_file",
        "adopting",
        "doctor",
        "drift",
        "picture",
        "plan",
    ),
    ("cli",),
    ("access", "config"),
    ("engine",),
    ("multus", "provider"),
)
LAYER: Final = {name: level for level, names in enumerate(LAYERS) for name in names}
SHELL: Final = (*LAYERS[-3], *LAYERS[-2], *LAYERS[-1])
LONGEST: Final = 300


def part(file: str) -> str:
    """The folder or module of components/ that a file belongs to."""
    return file.partition("/")[0].removesuffix(".py")


def runtime(node: ast.AST) -> Iterator[ast.AST]:
    """All below a node that runs, which what is for type checkers alone does not."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from runtime(child)


def imported(file: str) -> dict[str, str]:
    """What a file imports: each module or name, and the module that it is taken from."""
    here = ["components", *Path(file).parent.parts]
    found: dict[str, str] = {}
    for node in runtime(FILES[file]):
        if isinstance(node, ast.Import):
            found |= {alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) + 1 - node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            found |= {f"{module}.{alias.name}": module for alias in node.names}
    return found


def file_of(module: str) -> str | None:
    """The file in components/ that a module is; None for another's, or a name in a module."""
    top, _, rest = module.partition(".")
    path = rest.replace(".", "/")
    found = [one for one in (f"{path}.py", f"{path}/__init__.py") if one in FILES]
    return found[0] if top == "components" and found else None


def needed(file: str) -> set[str]:
    """The files of components/ that a file imports from; not the folders on the way to them."""
    found = {file_of(name) or file_of(module) for name, module in imported(file).items()}
    return {one for one in found if one is not None} - {file}


def test_every_file_has_its_layer() -> None:
    assert {part(file) for file in FILES} - {"__init__"} == {*LAYER}


@pytest.mark.parametrize("file", FILES)
def test_imports_go_one_way(file: str) -> None:
    level = LAYER.get(part(file), len(LAYERS))
    assert [one for one in needed(file) if LAYER.get(part(one), len(LAYERS)) > level] == []


def test_they_make_no_circle() -> None:
    below = {file: needed(file) for file in FILES}
    while ends := [file for file, others in below.items() if not others & set(below)]:
        for file in ends:
            del below[file]
    assert below == {}


@pytest.mark.parametrize("file", FILES)
def test_others_are_imported_only_where_they_belong(file: str) -> None:
    others = {module.partition(".")[0] for module in imported(file).values()}
    assert not others & {"testbed", "tests", "pytest"}
    if part(file) not in SHELL:
        assert not [one for one in others if one.startswith("pulumi")]
    if part(file) == "cluster_tasks":  # runs as text on any Python of the machine
        assert others - {"components"} <= sys.stdlib_module_names
        assert {part(one) for one in needed(file)} <= {"cluster_tasks"}
    names = {ast.unparse(node) for node in ast.walk(FILES[file]) if isinstance(node, ast.Attribute)}
    if part(file) not in ("config", "access"):  # of access: what the default provider is told
        assert not names & {"pulumi.Config", "pulumi.config", "pulumi.runtime.config"}
        assert not [one for one in imported(file) if one.startswith("pulumi.runtime.config")]


def test_control_the_search_finds_what_it_looks_for() -> None:
    assert "pulumi.Config" in ast.unparse(FILES["config.py"])
    assert needed("multus.py") > {"access.py", "args.py", "chart/packages.py"}
    assert "pulumi" in imported("config.py").values()


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_read_in_one_go(file: str) -> None:
    assert len((COMPONENTS / file).read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert ast.get_docstring(FILES[file]), "a file says what it is for"
