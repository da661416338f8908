"""The workflows are sound, and a pull request of a stranger gets nothing to steal.

Each rule is a check of the workflow's text, and for each there is a workflow that breaks it: a
check that reports nothing on the real files could have stopped looking.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.building import ToolError
from testbed.processes import program
from testbed.tools import ROOT, find_tools
from tests.stacks.files import STACKS

FOLDER = ROOT / ".github" / "workflows"
NAMES = ("ci.yml", "preview.yml")
READ_ONLY = {"contents": "read"}
COMMENTS = READ_ONLY | {"pull-requests": "write"}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
PINNED_LINE = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
OF_THIS_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"

Job = dict[str, Any]


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def jobs(text: str) -> dict[str, Job]:
    found: dict[str, Job] = yaml.safe_load(text)["jobs"]
    return found


def steps(job: Job) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job["steps"]
    return found


def uses(job: Job, action: str) -> list[dict[str, Any]]:
    """The inputs of each step with that action."""
    found = [step for step in steps(job) if str(step.get("uses", "")).startswith(f"{action}@")]
    return [step.get("with", {}) for step in found]


def faults(text: str) -> list[str]:
    """What is against the rules for every workflow."""
    document = yaml.safe_load(text)
    found = list(_triggers(document[True]))  # YAML 1.1 reads the key `on` as true
    found += _pins(text)
    if document.get("permissions") != READ_ONLY:
        found.append("the workflow has more permissions than contents: read")
    for name, job in document["jobs"].items():
        found += [f"{name}: {fault}" for fault in _of_job(job)]
    return found


def _triggers(on: Any) -> Iterator[str]:
    names = {on} if isinstance(on, str) else set(on)
    for name in sorted(names - {"pull_request", "push"}):
        yield f"it runs on {name}, which may have secrets and a stranger's code"
    if "push" in names and on["push"] != {"branches": ["main"]}:
        yield "it runs on pushes to other branches than main"


def _pins(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if "uses:" in line and not PINNED_LINE.search(line):
            yield f"no commit with its version as a comment: {line.strip()}"
    for job in jobs(text).values():
        for step in steps(job):
            if "uses" in step and not PINNED.fullmatch(step["uses"]):
                yield f"{step['uses']} is not pinned to a commit"


def _of_job(job: Job) -> Iterator[str]:
    comments = any(inputs.get("comment-on-pr") for inputs in uses(job, "pulumi/actions"))
    if job.get("permissions", READ_ONLY) not in (READ_ONLY, *([COMMENTS] if comments else [])):
        yield "it has permissions that it does not need"
    if "timeout-minutes" not in job:
        yield "it has no time limit"
    if any(
        inputs.get("persist-credentials") is not False for inputs in uses(job, "actions/checkout")
    ):
        yield "the checkout leaves its token on the disk"
    if any(inputs.get("command", "preview") != "preview" for inputs in uses(job, "pulumi/actions")):
        yield "it runs something else than a preview"
    if "secrets" in str(job):
        if not trusted(job):
            yield "it has secrets, and runs for forks or Dependabot"
        if "environment" not in job:
            yield "its secrets belong to no environment"
    for step in steps(job):
        if "${{" in step.get("run", ""):
            yield "an expression becomes part of a script; pass it through env"


def trusted(job: Job) -> bool:
    """Whether it runs only for branches of this repository, and not for Dependabot's."""
    condition = " ".join(str(job.get("if", "")).split())
    return condition == (
        f"{OF_THIS_REPOSITORY} && github.event.pull_request.user.login != 'dependabot[bot]'"
    )


def preview_faults(text: str) -> list[str]:
    """What is wrong with preview.yml as such: every stack, by jobs that exclude each other."""
    found = []
    for name, job in jobs(text).items():
        matrix = job["strategy"]["matrix"]
        if sorted(matrix["stack"]) != sorted(STACKS):
            found.append(f"{name}: the matrix has {matrix['stack']}, there are {list(STACKS)}")
        versions = [inputs.get("pulumi-version") for inputs in uses(job, "pulumi/actions")]
        if versions != [requirement("pulumi")]:
            found.append(f"{name}: the CLI is {versions}, the SDK {requirement('pulumi')}")
    own, fork = jobs(text)["stack"], jobs(text)["stack-of-fork"]
    opposite = (
        str(own["if"]).replace("==", "!=").replace("&&", "||").replace("login !=", "login ==")
    )
    if fork["if"] != opposite:
        found.append("a pull request is previewed by both jobs or by none")
    commented = uses(own, "pulumi/actions")[0]
    wanted = {"command": "preview", "diff": True, "comment-on-pr": True, "edit-pr-comment": True}
    if not wanted.items() <= commented.items():
        found.append("the job of this repository does not comment the diff")
    return found


def ci_faults(text: str) -> list[str]:
    runs = [step["run"] for job in jobs(text).values() for step in steps(job) if "run" in step]
    return [] if runs == ["bash .ci/run"] else [f"it runs {runs}, not .ci/run alone"]


@cache
def requirement(package: str) -> str:
    """The exact version of a package in requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)[package]


def test_there_are_no_other_workflows() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_follows_the_rules(name: str) -> None:
    assert faults(text_of(name)) == []


def test_previews_every_stack() -> None:
    assert preview_faults(text_of("preview.yml")) == []


def test_ci_runs_the_test_command() -> None:
    assert ci_faults(text_of("ci.yml")) == []


@dataclass(frozen=True)
class Violation:
    """A text of a workflow, what it is changed to, and a part of the fault that must follow."""

    name: str
    text: str
    wrong: str
    fault: str
    check: Callable[[str], list[str]] = faults


CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
SAME = f"      {OF_THIS_REPOSITORY}\n"
STEP = "      - run: bash .ci/run"
VIOLATIONS = {
    "tag": Violation("ci.yml", CHECKOUT, "actions/checkout@v7", "not pinned"),
    "no-version": Violation("ci.yml", " # v7.0.1", "", "no commit with its version"),
    "target": Violation(
        "preview.yml", "on:\n  pull_request:", "on:\n  pull_request_target:", "pull_request_target"
    ),
    "after-a-run": Violation(
        "ci.yml", "on:\n", "on:\n  workflow_run: {workflows: [ci]}\n", "workflow_run"
    ),
    "every-branch": Violation("ci.yml", "branches: [main]", "branches: ['**']", "other branches"),
    "write-all": Violation(
        "ci.yml", "permissions:\n  contents: read", "permissions: write-all", "more permissions"
    ),
    "default-permissions": Violation(
        "ci.yml", "permissions:\n  contents: read\n", "", "more permissions"
    ),
    "write-contents": Violation(
        "preview.yml", "      contents: read\n", "      contents: write\n", "does not need"
    ),
    "write-without-comment": Violation(
        "preview.yml", "          comment-on-pr: true\n", "", "does not need"
    ),
    "secret-in-fork-job": Violation(
        "preview.yml",
        "          PULUMI_CONFIG_PASSPHRASE: preview",
        "          PULUMI_CONFIG_PASSPHRASE: ${{ secrets.PASSPHRASE }}",
        "stack-of-fork: it has secrets",
    ),
    "all-secrets-in-fork-job": Violation(
        "preview.yml",
        "          PULUMI_CONFIG_PASSPHRASE: preview",
        "          PULUMI_CONFIG_PASSPHRASE: ${{ toJSON(secrets) }}",
        "stack-of-fork: it has secrets",
    ),
    "secrets-for-forks": Violation("preview.yml", SAME, "      true\n", "stack: it has secrets"),
    "secrets-for-dependabot": Violation(
        "preview.yml", " != 'dependabot[bot]'", " != 'nobody'", "stack: it has secrets"
    ),
    "no-environment": Violation(
        "preview.yml", "    environment: preview-${{ matrix.stack }}\n", "", "no environment"
    ),
    "event-in-script": Violation(
        "ci.yml", STEP, "      - run: echo ${{ github.event.pull_request.title }}", "script"
    ),
    "matrix-in-script": Violation(
        "preview.yml", 'init "$STACK"', "init ${{ matrix.stack }}", "script"
    ),
    "token-on-disk": Violation(
        "ci.yml", "persist-credentials: false", "persist-credentials: true", "leaves its token"
    ),
    "no-limit": Violation("ci.yml", "    timeout-minutes: 90\n", "", "no time limit"),
    "up": Violation("preview.yml", "command: preview", "command: up", "else than a preview"),
    "stack-missing": Violation(
        "preview.yml", "[dev, staging, prod]", "[dev, prod]", "the matrix", preview_faults
    ),
    "other-cli": Violation(
        "preview.yml",
        f"pulumi-version: {requirement('pulumi')}",
        "pulumi-version: 3.1.0",
        "the CLI is",
        preview_faults,
    ),
    "both-jobs": Violation(
        "preview.yml",
        "head.repo.full_name != github",
        "base.repo.full_name != github",
        "both jobs",
        preview_faults,
    ),
    "no-diff": Violation(
        "preview.yml", "          diff: true\n", "", "does not comment", preview_faults
    ),
    "other-command": Violation(
        "ci.yml", STEP, "      - run: python -m pytest tests/unit", "not .ci/run alone", ci_faults
    ),
    "further-command": Violation(
        "ci.yml", STEP, f"{STEP}\n      - run: make lint", "not .ci/run alone", ci_faults
    ),
}


@pytest.mark.parametrize("violation", VIOLATIONS.values(), ids=VIOLATIONS)
def test_each_violation_is_reported(violation: Violation) -> None:
    text = text_of(violation.name)
    assert violation.text in text
    broken = text.replace(violation.text, violation.wrong)
    assert any(violation.fault in fault for fault in violation.check(broken))


@pytest.fixture(scope="session")
def actionlint() -> list[str]:
    """The command; the linters that it calls itself only where they are installed."""
    try:
        found = find_tools("lint").path("actionlint")
    except ToolError as error:
        if shutil.which("go") is None:
            pytest.skip(str(error))
        pytest.fail(str(error), pytrace=False)
    absent = [f"-{name}=" for name in ("shellcheck", "pyflakes") if shutil.which(name) is None]
    return [str(found), "-no-color", *absent]


def _said(
    command: list[str], folder: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_passes_actionlint(name: str, actionlint: list[str]) -> None:
    found = _said([*actionlint, name], FOLDER)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_actionlint_finds_what_is_wrong(tmp_path: Path, actionlint: list[str]) -> None:
    broken = text_of("preview.yml").replace("matrix.stack }}", "matrix.stak }}")
    (tmp_path / "preview.yml").write_text(broken, encoding="utf-8")
    found = _said([*actionlint, "preview.yml"], tmp_path)
    assert found.returncode == 1
    assert "stak" in found.stdout


HOSTILE = "+ create\n```\n</pre><img src=x>\n::set-output name=a::b\n"


def _run(step: str, folder: Path, *, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a script of the fork job as the runner does, with a `pulumi` that says HOSTILE."""
    (script,) = (
        found["run"]
        for found in steps(jobs(text_of("preview.yml"))["stack-of-fork"])
        if found.get("name") == step
    )
    (folder / "said").write_text(HOSTILE, encoding="utf-8")
    pulumi = folder / "pulumi"
    pulumi.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/calls\n'
        f'[ "$1" = stack ] || {{ cat {folder}/said; exit {status}; }}\n',
        encoding="utf-8",
    )
    pulumi.chmod(0o755)
    return _said(
        [program("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        folder,
        {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(folder),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "STACK": "dev",
        },
    )


@pytest.mark.parametrize("status", [0, 255])
def test_a_fork_sees_its_preview_in_the_summary(tmp_path: Path, status: int) -> None:
    assert _run("Preview", tmp_path, status=status).returncode == status
    title, _, *code = (tmp_path / "summary").read_text(encoding="utf-8").splitlines()
    assert title == "### Preview of dev, without a cluster"
    assert code == [f"    {line}" for line in HOSTILE.splitlines()]


def test_a_fork_previews_its_stack_and_does_nothing_else(tmp_path: Path) -> None:
    _run("Preview", tmp_path)
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert [call.split(" --")[0] for call in calls] == ["stack init dev", "preview"]


@pytest.mark.parametrize("named", ["", "  multus:context: 'lab'\n"])
def test_the_kubeconfig_of_a_fork_leads_nowhere(tmp_path: Path, named: str) -> None:
    stack = tmp_path / "stacks" / "Pulumi.dev.yaml"
    stack.parent.mkdir()
    stack.write_text(f"config:\n  multus:ipam: dhcp\n{named}")
    _run("Write a kubeconfig that leads nowhere", tmp_path).check_returncode()
    written = yaml.safe_load((tmp_path / "kubeconfig").read_text(encoding="utf-8"))
    assert written["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:9"
    assert written["current-context"] == ("lab" if named else "nowhere")
