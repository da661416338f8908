"""Settings that Pulumi.yaml gives to all stacks, as `multus-k3s` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from ci import stacks
from components.cli.app import app

PROJECT: Final = """\
name: multus
runtime: python
config:
  multus:cluster:
    value: {distribution: k3s, version: v1.34.2+k3s1, nodes: multi}
  multus:ipam: {type: string, default: whereabouts}
  registry: registry.lan
  multus:networkFiles: {value: [networks/*.yaml]}
  pulumi:tags: {value: {team: net}}
"""
LAN: Final = "{name: lan, type: macvlan, master: eth1}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("stacks", "networks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "networks" / "lan.yaml").write_text(LAN)
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "stacks" / "Pulumi.a.yaml").write_text("config: {}\n")
    return tmp_path


def said(*arguments: str) -> list[str]:
    return CliRunner().invoke(app, arguments).output.splitlines()


def test_a_stack_has_what_the_project_gives(project: Path) -> None:
    assert said("check") == ["1 file, 1 network, no findings"]
    assert all(one.startswith("registry.lan/") for one in said("images", "a"))
    assert stacks.stacks() == {"a": ("networks/*.yaml",)}
    (project / "Pulumi.yaml").unlink()  # the control arm
    assert "multus:cluster is missing" in "".join(said("check"))


def test_a_stacks_own_value_replaces_the_whole(project: Path) -> None:
    stack = project / "stacks" / "Pulumi.a.yaml"
    stack.write_text("config: {multus:cluster: {nodes: single}, multus:registry: other.lan}\n")
    [line, *_] = said("check")
    assert line.startswith("stacks/Pulumi.a.yaml:1: error: multus:cluster")
    assert "distribution is missing" in line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("nodes: multi", "nodes: three", "Pulumi.yaml:5: error: multus:cluster.nodes is "),
        ("default: whereabouts", "default: wherabouts", "Pulumi.yaml:6: error: multus:ipam is "),
        ("registry.lan", "https://x", "Pulumi.yaml:7: error: multus:registry is "),
        ("default: whereabouts", 'default: ""', "stacks/Pulumi.a.yaml:1: error: multus:ipam is m"),
        ("name: multus", "name: [", "Pulumi.yaml:3: error: that is no YAML"),
    ],
)
def test_a_fault_is_said_where_it_stands(project: Path, old: str, new: str, line: str) -> None:
    (project / "Pulumi.yaml").write_text(PROJECT.replace(old, new))
    assert said("check")[0].startswith(line), said("check")


@pytest.mark.parametrize("text", ["config: stacks\n", "", "runtime: python\n", "config: []\n"])
def test_a_project_without_settings_gives_none(project: Path, text: str) -> None:
    (project / "Pulumi.yaml").write_text(text)
    assert "multus:cluster is missing" in "".join(said("check"))
