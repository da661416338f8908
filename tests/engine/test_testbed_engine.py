"""The engine as the other tests see it: true reports, no trace of the user, nothing left behind.

Two of these tests record facts about the CLI that the project's settings rest on: how values of a
stack file reach a program, and that the CLI asks for those without a default.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from testbed.engine import Workspace, copy_project
from testbed.kubectl import Kubectl
from testbed.operations import OperationError
from testbed.processes import alive, descendants
from testbed.tools import ROOT
from tests.engine.conftest import MakeWorkspace

STACK = "dev"
PROJECT = """
name: multus
runtime: python
stackConfigDir: stacks
config:
  multus:networks: {type: array, items: {type: object}, default: []}
  multus:protect: {type: boolean, default: true}
  multus:timeout: {type: integer, default: 300}
  multus:word: {type: string, default: hello}
"""
CONFIG = """
import pulumi
from pulumi.runtime import config
for key, value in config.CONFIG.get().items():
    pulumi.export(key, {"raw": value})
"""
COMMAND = """
import os, pulumi
from pulumi_command import local
local.Command("c", create=os.environ["CREATE"])
"""


def _project(root: Path, program: str, stack: str = "config: {}\n", project: str = PROJECT) -> Path:
    (root / "stacks").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text(project)
    (root / "__main__.py").write_text(program)
    (root / "stacks" / f"Pulumi.{STACK}.yaml").write_text(stack)
    return root


@pytest.fixture
def commands(tmp_path: Path, workspace: MakeWorkspace) -> Workspace:
    return workspace(_project(tmp_path / "source", COMMAND))


def test_values_reach_a_program_as_strings_and_json(
    tmp_path: Path, workspace: MakeWorkspace
) -> None:
    stack = """
config:
  multus:networks:
    - {name: a, vlan: 10, on: true, bare: 1.30, quoted: "1.30"}
  multus:word: 1.30
  multus:undeclared: {b: 1}
  other: 5
"""
    project = workspace(_project(tmp_path / "source", CONFIG, stack))
    found = {k: v["raw"] for k, v in project.up(STACK).check().outputs.items()}
    assert found == {
        "multus:networks": '[{"bare":1.3,"name":"a","on":true,"quoted":"1.30","vlan":10}]',
        "multus:protect": "true",
        "multus:timeout": "300",
        "multus:word": "1.3",  # a number where a string is declared is taken, and has lost a digit
        "multus:undeclared": '{"b":1}',
        "multus:other": "5",  # a bare key belongs to the project
    }


def test_a_missing_value_is_named_by_the_cli(tmp_path: Path, workspace: MakeWorkspace) -> None:
    declared = f"{PROJECT}  multus:needed: {{type: string}}\n"
    result = workspace(_project(tmp_path / "source", CONFIG, project=declared)).preview(STACK)
    assert not result.ok
    assert "missing configuration value 'multus:needed'" in result.stdout + result.stderr


def test_each_operation_starts_afresh(tmp_path: Path, workspace: MakeWorkspace) -> None:
    source = _project(
        tmp_path / "source", "import helper, pulumi\npulumi.export('n', helper.count())\n"
    )
    helper = "made = []\ndef count():\n    made.append(1)\n    return len(made)\n"
    (source / "helper.py").write_text(helper)
    project = workspace(source)
    assert [project.up(STACK).check().outputs["n"] for _ in range(2)] == [1, 1]


def test_nothing_of_the_user_is_seen(
    tmp_path: Path, workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/the/user/s")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "the-user-s")
    monkeypatch.setenv("HELM_NAMESPACE", "the-user-s")
    program = "import os, pulumi\npulumi.export('env', dict(os.environ))\n"
    project = workspace(_project(tmp_path / "source", program))
    seen = project.up(STACK).check().outputs["env"]
    assert "the-user-s" not in seen.values()
    assert not Path(seen["KUBECONFIG"]).exists()
    assert Path(seen["HOME"]).is_relative_to(tmp_path)
    assert seen["PULUMI_BACKEND_URL"].startswith(f"file://{tmp_path}")


def _slow(mark: Path) -> dict[str, str]:
    return {"CREATE": f"echo $$ > {mark}; exec sleep 300"}


def _await(mark: Path) -> int:
    Kubectl.wait_for(lambda: mark.exists() and mark.read_text() != "", "the command", 30)
    return int(mark.read_text())


def test_an_operation_that_takes_too_long_is_ended_whole(
    commands: Workspace, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    with pytest.raises(OperationError, match=r"`pulumi up` took more than 6 s and was ended"):
        commands.up(STACK, env=_slow(mark), timeout=6)
    assert not alive([_await(mark)])


def test_a_killed_engine_leaves_a_pending_operation_and_no_process(
    commands: Workspace, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    running = commands.start("up", STACK, env=_slow(mark))
    command = _await(mark)
    everything = {running.process.pid, *descendants(running.process.pid)}
    assert command in everything
    running.kill()
    assert not alive(everything)
    with pytest.raises(OperationError, match="and no result"):
        running.wait()
    commands.cli("cancel", "--yes", "--stack", STACK)
    pending = commands.state(STACK)["deployment"]["pending_operations"]
    assert [found["type"] for found in pending] == ["creating"]


def test_the_copy_holds_what_git_would_take_and_no_tests(tmp_path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607  the git on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode != 0:
        pytest.skip("the project is not in a git repository")
    copy_project(ROOT, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"Pulumi.yaml", "__main__.py", "components"} <= names
    assert not names & {"tests", "testbed", "benchmarks", ".venv", ".git"}
