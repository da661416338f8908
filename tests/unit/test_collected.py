"""No test is lost: pytest collects each file that has one, or a target of the Makefile names it.

No file skips itself.

Of two tests with one name in a file ruff tells (F811).
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
MAKEFILE: Final = (TESTS.parent / "Makefile").read_text(encoding="utf-8")
SKIPS: Final = {"importorskip", "skip", "collect_ignore", "pytestmark", "__test__"}


def lost(path: Path, source: str) -> list[str]:
    """The tests of a file that pytest would not run, with the reason."""
    body = ast.parse(source).body
    tests = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    named = [one.name for one in tests if one.name.startswith("test_")]
    run = path.name.startswith("test_") or f"/{path.name}\n" in MAKEFILE  # a target of its own
    found = [] if run else [f"{path.name}::{one}" for one in named]
    apart = (one for one in body if not isinstance(one, ast.FunctionDef | ast.ClassDef))
    names = (node for one in apart for node in ast.walk(one))
    used = {getattr(node, "attr", getattr(node, "id", "")) for node in names}
    return found + [f"{path.name} has {word}" for word in sorted(SKIPS & used)]


def test_every_test_is_collected() -> None:
    files = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py")}
    assert len(files) > 50
    assert [one for path, source in files.items() for one in lost(path, source)] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("nodes.py", "def test_it() -> None: ..."),
        ("test_nodes.py", "import pytest\npytest.importorskip('yaml')"),
        ("test_nodes.py", "pytestmark = pytest.mark.skip"),
    ],
)
def test_control_a_lost_test_is_found(name: str, source: str) -> None:
    assert lost(Path(name), source)
