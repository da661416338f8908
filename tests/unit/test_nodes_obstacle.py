"""What keeps a machine from having real nodes is said in one line, before anything is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testbed.node import cgroups, namespaces, node


def test_a_program_that_is_missing_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = node.obstacle()
    assert said is not None
    assert "iptables" in said
    assert "apt-get install" in said
    assert "\n" not in said


def test_control_groups_of_version_2_alone_do_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "hierarchies", list)
    said = cgroups.obstacle()
    assert said is not None
    assert "no control groups of version 1" in said


@pytest.mark.parametrize("lacking", node.KERNEL)
def test_what_the_kernel_lacks_is_named(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> SimpleNamespace:
        return SimpleNamespace(returncode=int(command[-1] == node.KERNEL[lacking]))

    monkeypatch.setattr(namespaces, "obstacle", lambda *_: None)
    monkeypatch.setattr(cgroups, "obstacle", lambda: None)
    monkeypatch.setattr(node, "program", lambda name: name)
    monkeypatch.setattr(subprocess, "run", run)
    assert node.obstacle() == f"the kernel has no {lacking}"


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs root")
def test_the_attempts_leave_nothing() -> None:
    before = (
        {entry.name for entry in Path("/sys/class/net").iterdir()},
        list(Path("/mnt").iterdir()),
    )
    node.obstacle()
    after = {entry.name for entry in Path("/sys/class/net").iterdir()}, list(Path("/mnt").iterdir())
    assert before == after
