"""The wait over time, whose pods are whose, and what the tasks' scripts are made of."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from components.live import COMMAND, Task, script, source
from components.live.kubectl import Kubectl, TaskError
from components.live.readiness import container_state, owned, problems, state_of, wait
from tests.unit.test_live_readiness import daemon_set, pod

Json = dict[str, Any]
TASKS: Final[tuple[Task, ...]] = ("handover", "namespaces", "preflight", "readiness")
# An f-string, `:=`, an annotated name.
NEWER_THAN_3_4: Final = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign)


@pytest.mark.parametrize("name", TASKS)
def test_scripts_are_of_the_standard_library_and_of_an_old_python(name: Task) -> None:
    tree = ast.parse(source(name), feature_version=(3, 9))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names
    assert str(Path.cwd()) not in script(name)
    assert COMMAND == "exec python3 -"


@pytest.mark.parametrize("name", TASKS)
def test_a_python_that_is_too_old_is_named_in_one_line(name: Task) -> None:
    """Python 3.6 is `python3` on SLES 15; it has to read the whole text before it runs a line."""
    outer = ast.parse(script(name))
    assert not [node for node in ast.walk(outer) if isinstance(node, NEWER_THAN_3_4)]
    old = f"import sys\nsys.version_info = (3, 6, 15)\n{script(name)}"
    done = subprocess.run(
        [sys.executable, "-I", "-"], input=old, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "python3 on PATH is Python 3.6, and 3.9 or later is needed. Put a newer one before it on "
        "PATH where Pulumi runs\n"
    )


def test_the_task_is_whole_within_the_check() -> None:
    for name in TASKS:
        [call] = [
            node
            for node in ast.walk(ast.parse(script(name)))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "compile"
        ]
        [text, *_] = call.args
        assert isinstance(text, ast.Constant)
        assert text.value == f"\n{source(name)}"


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


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waiting(answers: Callable[[float], list[Json] | None], timeout: int = 30) -> tuple[str, float]:
    clock = Clock()

    class Fake(Kubectl):
        def run(self, *arguments: str) -> str:
            items = answers(clock.now) if "daemonsets,deployments" in arguments else []
            if items is None:
                raise TaskError("the cluster does not answer")
            return json.dumps({"items": items})

    environment = {
        "MULTUS_NAMESPACE": "x",
        "MULTUS_WORKLOADS": "DaemonSet/multus",
        "MULTUS_TIMEOUT": str(timeout),
    }
    return wait(Fake([], {}), environment, clock, clock.sleep), clock.now


def test_waits_and_says_only_what_changes(capsys: pytest.CaptureFixture[str]) -> None:
    said, took = waiting(lambda now: [daemon_set(2, 0 if now < 6 else 1 if now < 12 else 2)])
    assert (said, took) == ("ready: DaemonSet/multus", 12)
    assert capsys.readouterr().out.splitlines() == [
        "DaemonSet/multus: 0 of 2 pods are ready",
        "DaemonSet/multus: 1 of 2 pods are ready",
    ]


def test_an_api_server_may_be_away_for_a_while() -> None:
    assert waiting(lambda now: None if now < 10 else [daemon_set()])[1] == 10


def test_the_last_look_is_at_the_deadline() -> None:
    assert waiting(lambda now: [daemon_set(1, int(now >= 29))], timeout=29)[1] == 29
    with pytest.raises(TaskError, match="Multus is not ready after 29 s"):
        waiting(lambda now: [daemon_set(1, int(now > 29))], timeout=29)


def test_ownership_and_states() -> None:
    mine, other = pod("a"), pod("b", "x")
    free = {"metadata": {"name": "c"}, "status": {}}
    assert owned([mine, other, free], daemon_set(), []) == [mine]
    assert problems(["Deployment/multus"], [daemon_set()]) == {
        "Deployment/multus": "does not exist"
    }
    assert state_of({"status": {"phase": "Pending"}}) == (None, "phase Pending", False)
    assert state_of({}) == (None, "phase unknown", False)
    assert container_state({"name": "x"}) == ("x", "unknown", False)


def test_a_report_ends_also_where_no_node_answers() -> None:
    """Each log may take kubectl a minute; with many workloads that would be half an hour."""
    clock = Clock()
    waiting_pod = {"name": "c", "state": {"waiting": {"reason": "x"}}}
    asked = []

    class Fake(Kubectl):
        def run(self, *arguments: str) -> str:
            asked.append(arguments[0])
            if arguments[0] == "logs":
                clock.sleep(59)
                raise TaskError("no answer")
            if "pods" in arguments:
                pods = [pod(f"p{number}", containerStatuses=[waiting_pod]) for number in range(5)]
                return json.dumps({"items": pods})
            return json.dumps({"items": [daemon_set(5, 0), daemon_set(5, 0, name="dhcp")]})

    environment = {
        "MULTUS_NAMESPACE": "x",
        "MULTUS_WORKLOADS": "DaemonSet/multus,DaemonSet/dhcp",
        "MULTUS_TIMEOUT": "0",
    }
    with pytest.raises(TaskError) as caught:
        wait(Fake([], {}), environment, clock, clock.sleep)
    assert len(str(caught.value).splitlines()) == 13
    assert clock.now == 2 * 59
    assert asked == ["get", "get", "get", "logs", "logs"]
