"""Arrows go one way: the pure core knows neither Pulumi nor what tests it.

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
FILES: Final = sorted(COMPONENTS.rglob("*.py"))
IDS: Final = [str(path.relative_to(COMPONENTS)) for path in FILES]

# The shell. All that is not named here is the core, also what is added.
SHELL: Final = {"__init__.py", "access.py", "gate.py", "multus.py", "packages.py", "settings.py"}
CORE: Final = [name for name in IDS if name not in SHELL]
LONGEST: Final = 350


def tree(name: str) -> ast.Module:
    return ast.parse((COMPONENTS / name).read_text())


def imported(name: str) -> Iterator[str]:
    """Every module that a file imports, and every `module.name` of a from-import."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(name: str) -> set[str]:
    return {module.partition(".")[0] for module in imported(name)}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def file_of(module: str) -> str | None:
    """The file in components/ that a module is, None for another's or for a name in a module."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate in FILES:
            return str(candidate.relative_to(COMPONENTS))
    return None


def needed(name: str) -> set[str]:
    """The files of components/ that a file imports from; not the folders on the way to them."""
    found: set[str | None] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {file_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            whole = file_of(node.module)
            found |= {file_of(f"{node.module}.{alias.name}") or whole for alias in node.names}
    return {one for one in found if one is not None} - {name}


def test_the_core_is_all_there() -> None:
    named = {"faults.py", "model.py", "addresses.py", "cluster/k3s.py", "chart.py"}
    assert named | {"args.py", "values/raw.py", "ipam/__init__.py", "live/kubectl.py"} <= set(CORE)
    assert set(IDS) > SHELL


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_no_pulumi_and_nothing_of_the_shell(name: str) -> None:
    assert not [module for module in packages(name) if module.startswith("pulumi")]
    assert not needed(name) & SHELL


@pytest.mark.parametrize("name", IDS)
def test_nothing_knows_what_tests_it(name: str) -> None:
    assert not packages(name) & {"testbed", "tools", "tests", "pytest"}


@pytest.mark.parametrize("name", [name for name in IDS if name.startswith("live/")])
def test_live_is_of_the_standard_library(name: str) -> None:
    """It runs as text on any Python of the machine, beside nothing that is installed."""
    for module in imported(name):
        python = module.partition(".")[0] in sys.stdlib_module_names
        assert python or within(module, "components.live"), module


@pytest.mark.parametrize("name", [name for name in IDS if name != "settings.py"])
def test_only_settings_reads_the_stacks_config(name: str) -> None:
    assert not [module for module in imported(name) if within(module, "pulumi.runtime.config")]
    used = {ast.unparse(node) for node in ast.walk(tree(name)) if isinstance(node, ast.Attribute)}
    assert not used & {"pulumi.Config", "pulumi.runtime.config", "pulumi.config"}
    assert "pulumi.Config" not in imported(name)


def test_settings_does_read_it() -> None:
    """The control: the search above finds what it looks for."""
    used = {
        ast.unparse(node)
        for node in ast.walk(tree("settings.py"))
        if isinstance(node, ast.Attribute)
    }
    assert "pulumi.Config" in used
    assert "pulumi.runtime.config" in set(imported("settings.py"))


def test_arrows_make_no_circle() -> None:
    below = {name: needed(name) for name in IDS}
    while ends := [name for name, others in below.items() if not others & set(below)]:
        for name in ends:
            del below[name]
    assert below == {}


@pytest.mark.parametrize("name", IDS)
def test_a_file_is_read_in_one_go(name: str) -> None:
    assert len((COMPONENTS / name).read_text().splitlines()) <= LONGEST
    assert ast.get_docstring(tree(name)), "a file says what it is for"
