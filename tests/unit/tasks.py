"""For the tests of the tasks: their cases, a clock, and programs that stand in for kubectl."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml


def cases(name: str) -> list[Any]:
    """A pytest parameter for each case of tests/unit/NAME.yaml, by its title."""
    read = yaml.safe_load(Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8"))
    return [pytest.param(case, id=title) for title, case in read.items()]


def executable(path: Path, body: str = "", *, by: str = "/bin/sh") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{by}\n{body}\n")
    path.chmod(0o755)
    return path


def run(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A task as the plugin runs it: the text on standard input, data by environment."""
    command = [sys.executable, "-I", "-"]
    return subprocess.run(
        command,
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,  # the tasks that have to do with a network give up long before
    )


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
