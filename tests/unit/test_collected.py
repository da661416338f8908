"""No test is lost: every test is in a test file, and pytest collects every one of them.

A file with a wrong name, or with an import that skips it as a whole, tests nothing and looks green.
Of two tests with one name in a file ruff tells (F811).
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DEFINED: Final = {
    (str(path.relative_to(ROOT)), node.name)
    for path in (ROOT / "tests").rglob("*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
}


def test_every_test_is_collected() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    ids = [line.split("::", 1) for line in done.stdout.splitlines() if "::" in line]
    assert {(file, name.partition("[")[0]) for file, name in ids} == DEFINED
