"""A fork has stacks and shared settings of its own, and every test stays green."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import yaml

from testbed.tools import ROOT

OWN: Final = """config:
  multus:cluster: {distribution: rke2, version: v1.34.2+rke2r1, nodes: multi}
  multus:deploy: networks
  multus:kubeconfig: {secure: v1:AAAA}
  multus:networks:
    - {name: lan, type: macvlan, master: eth9, ipam: {type: whereabouts, range: 172.30.0.0/24}}
"""
SHARED: Final = {
    "multus:registry": {"value": "registry.example.com"},
    "multus:timeout": {"value": 900},
    "multus:ipam": {"value": "whereabouts"},
    "pulumi:tags": {"value": {"pulumi:template": "x"}},
}
NAMES: Final = re.compile(r"stacks|Pulumi\.yaml", re.IGNORECASE)
FOLDERS: Final = ("lint", "unit", "component", "stacks")
"""Of `engine` and `wire` the fixtures bring stacks of their own."""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_no_test_depends_on_what_is_the_forks(tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns(".git", ".venv", ".charts", ".*_cache", "__pycache__")
    fork = shutil.copytree(ROOT, tmp_path / "fork", ignore=left_out)
    shutil.rmtree(fork / "stacks")
    (fork / "stacks").mkdir()
    (fork / "stacks" / "Pulumi.dev.yaml").write_text(OWN)
    (fork / "stacks" / "Pulumi.plant-7.yaml").write_text(OWN)
    project = yaml.safe_load((fork / "Pulumi.yaml").read_text())
    project["config"] |= SHARED
    (fork / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    author = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for command in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "-m", "x")):
        done = run(fork, "git", *command)
        assert done.returncode == 0, done.stdout

    def tested(*names: str) -> subprocess.CompletedProcess[str]:
        return run(fork, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *names)

    files = [file for one in FOLDERS for file in sorted((fork / "tests" / one).glob("test_*.py"))]
    reading = [str(one.relative_to(fork)) for one in files if NAMES.search(one.read_text())]
    done = tested("-n", "2", *reading)
    assert done.returncode == 0, done.stdout

    # Control: a stack that cannot be deployed is found.
    (fork / "stacks" / "Pulumi.plant-7.yaml").write_text(OWN.replace("networks\n", "network\n"))
    done = tested("tests/stacks/test_adopters.py")
    assert done.returncode == 1
    assert "stacks/Pulumi.plant-7.yaml:3: error: multus:deploy" in done.stdout
