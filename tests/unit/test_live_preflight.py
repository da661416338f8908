"""The survey: what is asked of the cluster, and what of the answers is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.live import script
from components.live.kubectl import Kubectl, TaskError
from components.live.preflight import PATIENCE_SECONDS, answer, kept, survey
from components.preflight import reads
from tests.unit.test_live_kubectl import executable

READS = {"nodes": {"path": "/nodes", "keep": {"items": {"metadata": {"name": True}}}}}
ENVIRONMENT = {"MULTUS_READS": json.dumps(READS)}


class Fake(Kubectl):
    """Answers from a table by path, where an exception is raised."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__([], {})
        self.answers = answers
        self.limits: list[int] = []

    def within(self, seconds: int) -> Kubectl:
        self.limits.append(seconds)
        return self

    def run(self, *arguments: str) -> str:
        assert arguments[:2] == ("get", "--raw"), "preflight reads and does nothing else"
        found = self.answers[arguments[2]]
        if isinstance(found, TaskError):
            raise found
        return json.dumps(found)


NODE = {"metadata": {"name": "a", "uid": "1"}, "status": {"images": ["secret"]}}


def test_only_what_is_asked_for_is_kept() -> None:
    fake = Fake({"/nodes": {"kind": "NodeList", "items": [NODE]}})
    found = survey(fake, ENVIRONMENT)
    assert found == {"found": {"nodes": {"items": [{"metadata": {"name": "a"}}]}}, "forbidden": []}
    assert fake.limits == [PATIENCE_SECONDS]


@pytest.mark.parametrize(
    ("value", "shape", "left"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": True}}, {"a": {"b": 1}}),
        ({"a": [{"b": 1, "c": 2}, {"c": 3}]}, {"a": {"b": True}}, {"a": [{"b": 1}, {}]}),
        ({"a": None}, {"a": {"b": True}}, {"a": None}),
        ({"a": {"b": [1]}}, {"a": True}, {"a": {"b": [1]}}),
        ({}, {"a": {"b": True}}, {}),
    ],
)
def test_kept(value: Any, shape: Any, left: Any) -> None:
    assert kept(value, shape) == left


def test_what_is_not_there_and_what_may_not_be_read() -> None:
    none = TaskError("Error from server (NotFound): the server could not find the resource")
    assert survey(Fake({"/nodes": none}), ENVIRONMENT) == {
        "found": {"nodes": None},
        "forbidden": [],
    }
    no = TaskError('Error from server (Forbidden): nodes is forbidden: User "x" cannot list')
    assert survey(Fake({"/nodes": no}), ENVIRONMENT) == {"found": {}, "forbidden": ["nodes"]}


def test_any_other_failure_is_no_answer(tmp_path: Path) -> None:
    executable(tmp_path / "kubectl", "echo 'dial tcp: connection refused' >&2; exit 1")
    said = json.loads(answer({"PATH": f"{tmp_path}:/usr/bin:/bin", **ENVIRONMENT}))
    assert said["unreachable"].startswith("the cluster does not answer: dial tcp")
    said = json.loads(answer({"PATH": str(tmp_path / "none"), **ENVIRONMENT}))
    assert said == {
        "unreachable": "neither kubectl nor k3s is on PATH. Install kubectl where Pulumi runs"
    }


def test_each_request_is_bounded_and_the_script_is_whole(tmp_path: Path) -> None:
    """As the plugin runs it: the text on standard input, data by environment."""
    executable(tmp_path / "kubectl", 'echo "{\\"items\\": [\\"$1 $2 $3\\"]}"')
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=script("preflight"),
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "MULTUS_READS": json.dumps({"x": {"path": "/x", "keep": True}}),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["found"] == {
        "x": {"items": [f"--request-timeout={PATIENCE_SECONDS}s get --raw"]}
    }


def test_nothing_that_may_be_secret_is_read() -> None:
    paths = [read["path"] for read in json.loads(reads()).values()]
    assert not [path for path in paths if "secret" in path]
    assert all("*" not in path for path in paths)
