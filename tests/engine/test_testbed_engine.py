"""The engine as the other tests see it: true reports, no trace of the user, nothing left behind.

Two of these tests record facts about the CLI that the project's settings rest on: how values of a
stack file reach a program, and what the CLI itself refuses.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.engine import Workspace, copy_project
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
if os.environ.get("REFUSE"):
    raise pulumi.RunError("2 faults:\\none\\ntwo")
local.Command("c", create=os.environ["CREATE"])
"""
RELEASE = """
import os, pulumi, pulumi_kubernetes as k8s
crd = k8s.apiextensions.v1.CustomResourceDefinition(
    "crd",
    metadata={"name": "things.example.test"},
    spec={
        "group": "example.test",
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }],
    },
)
thing = k8s.apiextensions.CustomResource(
    "thing", api_version="example.test/v1", kind="Thing",
    metadata={"name": "t", "namespace": "default"}, spec={"a": 1},
    opts=pulumi.ResourceOptions(depends_on=[crd]),
)
release = k8s.helm.v3.Release(
    "r", name="tiny", chart=os.environ["CHART"], namespace="kube-system",
    values={"word": os.environ["WORD"]},
)
pulumi.export("version", release.version)
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


@pytest.mark.parametrize(
    ("stack", "error"),
    [
        ("config: {multus:timeout: soon}", "'multus:timeout' must be of type 'integer'"),
        ("config: {multus:networks: {a: 1}}", "'multus:networks' must be of type 'array<object>'"),
        ("config: {multus:protect: maybe}", "'multus:protect' must be of type 'boolean'"),
    ],
)
def test_the_cli_refuses_values_of_another_type(
    tmp_path: Path, workspace: MakeWorkspace, stack: str, error: str
) -> None:
    result = workspace(_project(tmp_path / "source", CONFIG, stack)).preview(STACK)
    assert not result.ok
    assert error in result.stdout + result.stderr
    assert result.steps == ()


def test_a_missing_value_is_named_by_the_cli(tmp_path: Path, workspace: MakeWorkspace) -> None:
    declared = f"{PROJECT}  multus:needed: {{type: string}}\n"
    result = workspace(_project(tmp_path / "source", CONFIG, project=declared)).preview(STACK)
    assert not result.ok
    assert "missing configuration value 'multus:needed'" in result.stdout + result.stderr


def test_a_run_error_is_shown_without_a_traceback(commands: Workspace) -> None:
    result = commands.preview(STACK, env={"REFUSE": "1", "CREATE": "true"})
    assert not result.ok
    assert result.errors == ("2 faults:\none\ntwo",)
    assert "Traceback" not in result.stdout + result.stderr


def test_the_cli_changes_the_copy_of_a_stack_file_only(
    tmp_path: Path, workspace: MakeWorkspace
) -> None:
    source = _project(tmp_path / "source", CONFIG)
    before = (source / "stacks" / "Pulumi.dev.yaml").read_text()
    project = workspace(source)
    project.up(STACK).check()
    assert "encryptionsalt" in project.stack_file(STACK).read_text()
    assert (source / "stacks" / "Pulumi.dev.yaml").read_text() == before


def test_stack_settings_can_be_changed_in_the_copy(
    tmp_path: Path, workspace: MakeWorkspace
) -> None:
    project = workspace(_project(tmp_path / "source", CONFIG, "config: {multus:word: kept}\n"))
    project.configure(STACK, {"timeout": 5})
    found = project.up(STACK).check().outputs
    assert (found["multus:timeout"]["raw"], found["multus:word"]["raw"]) == ("5", "kept")
    project.configure(STACK, {"timeout": None})
    assert project.up(STACK).check().outputs["multus:timeout"]["raw"] == "300"


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


def test_a_real_release_a_definition_and_its_object(
    tmp_path: Path, workspace: MakeWorkspace, cluster: Cluster
) -> None:
    chart = tmp_path / "tiny"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.2.3\n")
    (chart / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tiny}\n"
        "data: {word: {{ .Values.word | quote }}}\n"
    )
    source = _project(tmp_path / "source", RELEASE)
    project = workspace(source, cluster=cluster, env={"CHART": str(chart), "WORD": "one"})
    assert project.preview(STACK).check().summary == {"create": 4}
    up = project.up(STACK).check()
    assert (up.summary, up.outputs["version"], up.warnings) == ({"create": 4}, "1.2.3", ())
    assert project.preview(STACK).check().changes == ()
    changed = project.up(STACK, env={"WORD": "two"}).check()
    assert [(step.op, step.name) for step in changed.changes] == [("update", "r")]
    assert "values" in changed.changes[0].diffs
    held = cluster.kubectl_json("get", "configmap", "-n", "kube-system", "tiny")
    assert held["data"] == {"word": "two"}
    assert cluster.kubectl_json("get", "things", "t")["spec"] == {"a": 1}
    assert project.destroy(STACK).check().summary == {"delete": 4}
    assert cluster.try_kubectl("get", "configmap", "-n", "kube-system", "tiny").returncode == 1


def _slow(mark: Path) -> dict[str, str]:
    return {"CREATE": f"echo $$ > {mark}; exec sleep 300"}


def _await(mark: Path) -> int:
    stop = time.monotonic() + 30
    while not mark.exists() or not mark.read_text().strip():
        assert time.monotonic() < stop
        time.sleep(0.05)
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


def test_the_state_is_what_the_engine_exports(commands: Workspace) -> None:
    commands.up(STACK, env={"CREATE": "echo made"}).check()
    state = commands.state(STACK)
    json.dumps(state)
    kinds = [resource["type"] for resource in state["deployment"]["resources"]]
    assert "command:local:Command" in kinds
