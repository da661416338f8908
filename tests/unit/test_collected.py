"""No test is lost: every test file is collected, and every test is in a test file.

A file with a wrong name, or with an import that skips it as a whole, tests nothing and looks green.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests"
FILES: Final = sorted(
    str(path.relative_to(ROOT)) for path in TESTS.rglob("*.py") if "__pycache__" not in path.parts
)


def is_test_file(name: str) -> bool:
    return Path(name).name.startswith("test_")


def defined(name: str) -> list[str]:
    """Names of the test functions at the top of a file or in its test classes."""
    tree = ast.parse((ROOT / name).read_text())
    classes = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
    ]
    return [
        node.name
        for body in (tree.body, *(one.body for one in classes))
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]


@pytest.fixture(scope="module")
def collected() -> set[tuple[str, str]]:
    """(file, function) of every test that pytest finds."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    ids = [line.split("::") for line in done.stdout.splitlines() if "::" in line]
    return {(parts[0], parts[-1].partition("[")[0]) for parts in ids}


def test_every_test_file_is_collected(collected: set[tuple[str, str]]) -> None:
    found = {file for file, _ in collected}
    assert [name for name in FILES if is_test_file(name) and name not in found] == []


def test_every_test_is_collected(collected: set[tuple[str, str]]) -> None:
    lost = [
        f"{name}::{test}"
        for name in FILES
        if is_test_file(name)
        for test in defined(name)
        if (name, test) not in collected
    ]
    assert lost == []


def test_tests_are_in_test_files() -> None:
    assert [name for name in FILES if not is_test_file(name) and defined(name)] == []


@pytest.mark.parametrize("name", [name for name in FILES if is_test_file(name)])
def test_no_test_hides_another_of_its_name(name: str) -> None:
    names = defined(name)
    assert len(names) == len(set(names))
