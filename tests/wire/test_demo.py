"""The demo, as who has just cloned the repository runs it: up, an edit and its preview, down."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.building import cache_root
from testbed.engine import copy_project
from testbed.processes import PROC
from testbed.tools import ROOT
from tests.stacks.files import EXAMPLES

OWN = ("clusters", "demo")  # what a demo keeps in the cache
PING = "12 of 12 ways between pods answer"


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with the tools that are built, so that nobody's own demo is touched."""
    found = tmp_path_factory.mktemp("cache") / "multus-testbed"
    found.mkdir()
    for entry in cache_root().iterdir():
        if entry.name not in OWN:
            (found / entry.name).symlink_to(entry)
    monkeypatch.setenv("XDG_CACHE_HOME", str(found.parent))
    return found


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository with the example stacks."""
    copy_project(ROOT, tmp_path)
    shutil.copytree(ROOT / "testbed", tmp_path / "testbed")
    shutil.rmtree(tmp_path / "stacks")
    shutil.copytree(EXAMPLES / "stacks", tmp_path / "stacks")
    return tmp_path


def run(clone: Path, *arguments: str) -> str:
    """What it printed."""
    command = [sys.executable, "-m", "testbed.demo", *arguments]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def working_in(folder: Path) -> list[str]:
    """The command lines of processes that name the folder."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
            except OSError:  # it has ended
                continue
            found += [command] if f"{folder}{os.sep}" in command else []
    return found


@pytest.mark.usefixtures("tools")
def test_a_newcomers_demo(clone: Path, cache: Path) -> None:
    try:
        said = run(clone, "up")
        assert "nodes: 2, each with containerd, kubelet, flannel and kube-proxy" in said
        pods = re.findall(r"hello-\S+ +│ (node-\d) +│ (10\.42\.\S+) +│ (192\.168\.20\.\d+)", said)
        assert len({address for _, *pod in pods for address in pod}) == 8, said
        assert {node for node, *_ in pods} == {"node-1", "node-2"}
        assert f"ping over eth0: {PING}" in said
        assert f"ping over net1: {PING}" in said
        assert "make demo-preview" in said
        kept = working_in(cache)
        assert any("testbed.node.keeper" in command for command in kept)

        file = clone / "stacks" / "Pulumi.prod.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("mtu: 9000", "mtu: 1400"), encoding="utf-8")
        said = run(clone, "preview")
        assert re.search(r'~ spec *: *\{\n.*"?mtu"? *: 9000 => 1400', said, re.DOTALL), said
        assert re.search(r"~ 1 to update\n", said), said
    finally:
        said = run(clone, "down")
    assert said == f"ended {cache / 'clusters' / 'demo'}\n"
    assert working_in(cache) == []
    assert not any((cache / name).exists() for name in ("demo", "clusters/demo"))
