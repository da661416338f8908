"""What the tasks' scripts are made of, and the Pythons that run them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Final, get_args

import pytest

from components.cluster_tasks import COMMAND, Task, script, source
from tests.unit.tasks import run

TASKS: Final[tuple[Task, ...]] = get_args(Task)
# An f-string, `:=`, an annotated name.
NEWER_THAN_3_4: Final = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign)


@pytest.mark.parametrize("name", TASKS)
def test_scripts_are_of_the_standard_library_and_of_an_old_python(name: Task) -> None:
    tree = ast.parse(source(name), feature_version=(3, 9))
    imported = {one.module for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)} | {
        alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names
    }
    assert {str(module).partition(".")[0] for module in imported} <= sys.stdlib_module_names
    assert str(Path.cwd()) not in script(name)


@pytest.mark.parametrize("name", TASKS)
def test_a_python_that_is_too_old_is_named_in_one_line(name: Task) -> None:
    """Python 3.6 is `python3` on SLES 15; it has to read the whole text before it runs a line."""
    outer = ast.parse(script(name))
    assert not [node for node in ast.walk(outer) if isinstance(node, NEWER_THAN_3_4)]
    old = f"import sys\nsys.version_info = (3, 6, 15)\n{script(name)}"
    done = run(old)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "python3 on PATH is Python 3.6, and 3.9 or later is needed. Put a newer one before it on "
        "PATH where Pulumi runs\n"
    )


def test_the_whole_task_is_run_after_that_check() -> None:
    for name in TASKS:
        assert f"exec(compile(r'''\n{source(name)}''', \"<{name}>\", \"exec\"))" in script(name)
        assert "'''" not in source(name)


def test_no_python_is_said_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", COMMAND],
        input=script("readiness"),
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 127
    assert len(done.stderr.splitlines()) == 1
    assert "python3: not found" in done.stderr
