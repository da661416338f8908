"""The closing line of all tests, from what two runs of pytest really write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.counted import line

TESTS = """
import pytest

def test_passes(): pass
def test_fails(): assert False
@pytest.mark.skip
def test_is_skipped(): pass
@pytest.fixture
def broken(): raise ValueError
def test_has_an_error(broken): pass
"""


def test_runs_are_added_up(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(TESTS)
    (tmp_path / "test_two.py").write_text("def test_passes(): pass")
    files = []
    for name in ("one", "two"):
        files.append(tmp_path / f"{name}.xml")
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"test_{name}.py", f"--junitxml={files[-1]}"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
    assert line(files).startswith("===== 2 failed, 2 passed, 1 skipped in ")
