"""What `local.Command` and `local.run` do, by the real engine.

Run against the official plugin where it is on PATH, and else against the stand-in, which is thereby
held to the same behaviour. Every other test that uses a command rests on this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testbed.engine import Workspace
from testbed.kubectl import Kubectl
from testbed.processes import alive
from testbed.results import Result
from testbed.tools import COMMAND_PLUGIN, Tools
from tests.engine.conftest import MakeWorkspace

STACK = "dev"
PROGRAM = """
import json, os, pulumi
from pulumi_command import local

given = json.loads(os.environ["GIVEN"])
if "run" in given:
    pulumi.export("ran", local.run_output(**given["run"]).stdout)
for name, inputs in given.get("commands", {}).items():
    options = None
    if inputs.pop("hidden", False):
        inputs["environment"] = pulumi.Output.secret(inputs["environment"])
        options = pulumi.ResourceOptions(additional_secret_outputs=["stdout"])
    after = inputs.pop("after", None)
    if after:
        inputs["environment"] = {"BEFORE": made[after].stdout}
    made = {**globals().get("made", {}), name: local.Command(name, opts=options, **inputs)}
    pulumi.export(name, made[name].stdout)
    pulumi.export(name + "Errors", made[name].stderr)
"""


@pytest.fixture
def project(tmp_path: Path, workspace: MakeWorkspace) -> Workspace:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: commands\nruntime: python\n")
    (source / "__main__.py").write_text(PROGRAM)
    return workspace(source)


def _do(project: Workspace, operation: Any = "up", run: Any = None, **commands: Any) -> Result:
    given = {"commands": commands, **({"run": run} if run else {})}
    return project.run(operation, STACK, env={"GIVEN": json.dumps(given)})


def _ops(result: Result, name: str = "c") -> list[str]:
    return [step.op for step in result.steps if step.name == name]


def test_create_runs_with_its_inputs(project: Workspace) -> None:
    result = _do(
        project,
        c={
            "create": 'read x; echo "$x $NAME ${PULUMI_COMMAND_STDOUT-none}"; echo e >&2',
            "environment": {"NAME": "Multus"},
            "stdin": "hello\n",
        },
    ).check()
    assert result.outputs["c"] == "hello Multus none"
    assert result.outputs["cErrors"] == "e"


def test_preview_runs_nothing(project: Workspace, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    result = _do(project, "preview", c={"create": f"touch {mark}"}).check()
    assert _ops(result) == ["create"]
    assert not mark.exists()


def test_what_is_not_yet_known_can_be_previewed(project: Workspace) -> None:
    commands = {
        "a": {"create": "echo a"},
        "b": {"create": "echo b after $BEFORE", "after": "a"},
    }
    assert _do(project, "preview", **commands).check().summary == {"create": 3}
    assert _do(project, **commands).check().outputs["b"] == "b after a"


def test_unchanged_inputs_run_nothing(project: Workspace, tmp_path: Path) -> None:
    count = tmp_path / "count"
    inputs = {"create": f"echo x >> {count}", "environment": {"A": "1"}}
    _do(project, c=inputs).check()
    assert _do(project, c=inputs).check().changes == ()
    assert count.read_text() == "x\n"


def test_a_changed_environment_updates_and_sees_the_last_output(project: Workspace) -> None:
    create = "echo $A after ${PULUMI_COMMAND_STDOUT-none}"
    _do(project, c={"create": create, "environment": {"A": "1", "B": "1"}}).check()
    result = _do(project, c={"create": create, "environment": {"A": "2", "B": "1"}}).check()
    (step,) = (step for step in result.steps if step.name == "c")
    assert (step.op, step.diffs, dict(step.detailed_diff)) == (
        "update",
        ("environment",),
        {"environment.A": "update"},
    )
    assert result.outputs["c"] == "2 after 1 after none"


def test_destroy_runs_delete_with_the_last_output(project: Workspace, tmp_path: Path) -> None:
    log = tmp_path / "log"
    _do(
        project, c={"create": "echo kept", "delete": f"echo $PULUMI_COMMAND_STDOUT > {log}"}
    ).check()
    assert _do(project, "destroy").check().summary == {"delete": 2}
    assert log.read_text() == "kept\n"


def test_without_delete_nothing_runs_on_destroy(project: Workspace) -> None:
    _do(project, c={"create": "echo made"}).check()
    assert _do(project, "destroy").check().summary == {"delete": 2}


def test_a_failing_delete_keeps_the_resource(project: Workspace) -> None:
    _do(project, c={"create": "true", "delete": "echo not today; exit 3"}).check()
    result = _do(project, "destroy")
    assert not result.ok
    assert any("exit status 3" in error and "not today" in error for error in result.errors)
    names = [r["urn"] for r in project.state(STACK)["deployment"]["resources"]]
    assert any(name.endswith("::c") for name in names)


def test_a_failure_names_command_and_output(project: Workspace) -> None:
    result = _do(project, c={"create": 'echo "out"\necho err >&2; exit 7'})
    assert not result.ok
    (error,) = (error for error in result.errors if "exit status" in error)
    assert 'exit status 7: running "echo \\"out\\"\\necho err >&2; exit 7":\n' in error
    assert {"out", "err"} <= set(error.splitlines())


def test_a_command_that_a_signal_ends_says_so(project: Workspace) -> None:
    result = _do(project, c={"create": "kill -9 $$"})
    assert not result.ok
    assert any("signal: killed" in error for error in result.errors), result.errors


@pytest.mark.parametrize(
    ("logging", "lines"),
    [
        (None, {"to out", "to err"}),
        ("stdout", {"to out"}),
        ("stderr", {"to err"}),
        ("none", set()),
    ],
)
def test_lines_are_logged_as_asked(
    project: Workspace, logging: str | None, lines: set[str]
) -> None:
    inputs = {"create": "echo to out; echo to err >&2", "logging": logging}
    result = _do(project, c=inputs).check()
    said = {d.message for d in result.diagnostics if d.urn.endswith("::c")}
    assert said == lines
    assert result.outputs["c"] == "to out"


@pytest.mark.parametrize("hidden", [True, False], ids=["secret", "control"])
def test_secret_inputs_stay_secret(project: Workspace, *, hidden: bool) -> None:
    inputs = {"create": "echo $A", "environment": {"A": "s3cr3t"}, "logging": "none"}
    result = _do(project, c={**inputs, "hidden": hidden}).check()
    assert result.outputs["c"] == "s3cr3t"
    assert ("c" in result.secret_outputs) is hidden
    assert ("s3cr3t" in json.dumps(project.state(STACK))) is not hidden
    assert ("s3cr3t" in result.stdout) is not hidden


def test_run_answers_at_preview_too(project: Workspace) -> None:
    run = {"command": "echo $A", "environment": {"A": "now"}}
    assert _do(project, "preview", run).check().ok
    assert _do(project, "up", run).check().outputs["ran"] == "now"


def test_a_failing_run_fails_the_preview(project: Workspace) -> None:
    result = _do(project, "preview", {"command": "echo no cluster; exit 4"})
    assert not result.ok
    text = "\n".join(result.errors)
    assert 'exit status 4: running "echo no cluster; exit 4":\nno cluster' in text


def test_an_interrupt_ends_the_command(project: Workspace, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    given = {"commands": {"c": {"create": f"echo $$ > {pid}; exec sleep 300"}}}
    running = project.start("up", STACK, env={"GIVEN": json.dumps(given)})
    Kubectl.wait_for(lambda: pid.exists() and pid.read_text() != "", "the command", 30)
    running.interrupt()
    result = running.wait(30)
    assert not result.ok
    assert alive([int(pid.read_text())]) == set()


@pytest.mark.parametrize(
    "inputs",
    [{"asset_paths": ["*"]}, {"triggers": [1]}, {"update": "true"}],
    ids=lambda one: [*one],
)
def test_the_stand_in_refuses_what_it_does_not_do(
    project: Workspace, tools: Tools, inputs: dict[str, Any]
) -> None:
    if tools.get(COMMAND_PLUGIN).origin != "stand-in":
        pytest.skip("the official plugin is on PATH, and it does assets")
    result = _do(project, "preview", c={"create": "true", **inputs})
    assert not result.ok
    assert any("needs the official pulumi-resource-command on PATH" in e for e in result.errors)
