"""The workflows are sound, and a pull request of a stranger gets nothing to steal.

Each rule is a check of the workflow's text, and for each there is a workflow that breaks it, in
violations.yaml: a check that reports nothing on the real files could have stopped looking. Actions
that are not pinned, and expressions in scripts, zizmor finds.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed.building import ToolError
from testbed.tools import ROOT, find_tools

FOLDER = ROOT / ".github" / "workflows"
NAMES = ("ci.yml", "comment.yml", "deploy.yml", "drift.yml", "preview.yml")
READ_ONLY = {"contents": "read"}
TRIGGERS = {"pull_request", "push", "schedule", "workflow_dispatch", "workflow_run"}
AFTER_A_PREVIEW = {"workflows": ["preview"], "types": ["completed"]}
PINNED_LINE = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
SOME = "needs.touched.outputs.stacks != '[]' && "
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
    on = document[True]  # YAML 1.1 reads the key `on` as true
    names = {on} if isinstance(on, str) else set(on)
    found = [*_triggers(on, names), *_pins(text)]
    if document.get("permissions") not in (READ_ONLY, {}):
        found.append("the workflow has more permissions than contents: read")
    for name, job in document["jobs"].items():
        found += [f"{name}: {fault}" for fault in _of_job(job, names)]
    return found


def _triggers(on: Any, names: set[str]) -> Iterator[str]:
    for name in sorted(names - TRIGGERS):
        yield f"it runs on {name}, which may have secrets and a stranger's code"
    if "push" in names and on["push"] != {"branches": ["main"]}:
        yield "it runs on pushes to other branches than main"
    if "workflow_run" in names and (len(names) > 1 or on["workflow_run"] != AFTER_A_PREVIEW):
        yield "it runs after workflow_run of others than the preview, or on something else too"


def _pins(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if "uses:" in line and not PINNED_LINE.search(line):
            yield f"no commit with its version as a comment: {line.strip()}"


def _of_job(job: Job, triggers: set[str]) -> Iterator[str]:
    if "timeout-minutes" not in job:
        yield "it has no time limit"
    if any(one.get("persist-credentials") is not False for one in uses(job, "actions/checkout")):
        yield "the checkout leaves its token on the disk"
    if "command" in str(uses(job, "pulumi/actions")):
        yield "pulumi/actions is there to install the CLI alone"
    if "secrets" in str(job):
        if "pull_request" in triggers and not trusted(job):
            yield "it has secrets, and runs for forks or Dependabot"
        if "environment" not in job:
            yield "its secrets belong to no environment"
    yield from _of_rights(job, triggers)
    scripts = [step.get("run", "") for step in steps(job)]
    if any("ci.runs up" in one for one in scripts) and not _deploys(job, triggers):
        yield "it deploys, and not from main by an environment of its own"


def _of_rights(job: Job, triggers: set[str]) -> Iterator[str]:
    writes = {key for key, one in job.get("permissions", {}).items() if one != "read"}
    if writes - {"pull-requests", "issues"}:
        yield "it has permissions that it does not need"
    if writes and ("secrets" in str(job) or "pull_request" in triggers):
        yield "it may write, and has secrets or a stranger's code"
    if "workflow_run" in triggers:
        if any({"ref", "repository"} & {*one} for one in uses(job, "actions/checkout")):
            yield "it may write, and checks out the pull request"
        if "secrets" in str(job):
            yield "it follows a stranger's run, and has secrets"


def _deploys(job: Job, triggers: set[str]) -> bool:
    return triggers == {"push"} and job.get("environment") == "deploy-${{ matrix.stack }}"


def trusted(job: Job) -> bool:
    """Whether it runs only for branches of this repository, and not for Dependabot's."""
    condition = " ".join(str(job.get("if", "")).split())
    return condition == (
        f"{SOME}{OF_THIS_REPOSITORY} && github.event.pull_request.user.login != 'dependabot[bot]'"
    )


def stack_faults(text: str) -> list[str]:
    """What is wrong with jobs for stacks: which there are, and with which CLI."""
    found = []
    for name, job in jobs(text).items():
        if (matrix := job.get("strategy", {}).get("matrix")) is None:
            continue
        if not re.fullmatch(
            r"\$\{\{ fromJSON\(needs\.\w+\.outputs\.stacks\) \}\}", matrix["stack"]
        ):
            found.append(f"{name}: the stacks are written down, and not looked up")
        versions = {inputs.get("pulumi-version") for inputs in uses(job, "pulumi/actions")}
        if versions - {requirement("pulumi")}:
            found.append(f"{name}: the CLI is {versions}, the SDK {requirement('pulumi')}")
        if job["strategy"].get("fail-fast") is not False:
            found.append(f"{name}: a stack that fails hides the others")
    return found


def preview_faults(text: str) -> list[str]:
    """What is wrong with preview.yml as such: jobs that exclude each other, and leave a plan."""
    own, fork = jobs(text)["stack"], jobs(text)["stack-of-fork"]
    opposite = str(own["if"]).removeprefix(SOME).replace("==", "!=").replace("&&", "||")
    opposite = f"{SOME}({opposite.replace('login !=', 'login ==')})"
    found = []
    if fork["if"] != opposite:
        found.append("a pull request is previewed by both jobs or by none")
    for name, job in (("stack", own), ("stack-of-fork", fork)):
        left = [one for one in steps(job) if "upload-artifact" in one.get("uses", "")]
        if [one.get("if") for one in left] != ["always()"]:
            found.append(f"{name}: a preview that fails leaves no plan to comment")
    return found


def ci_faults(text: str) -> list[str]:
    runs = [step["run"] for job in jobs(text).values() for step in steps(job) if "run" in step]
    return [] if runs == ["bash .ci/run"] else [f"it runs {runs}, not .ci/run alone"]


@cache
def requirement(package: str) -> str:
    """The exact version of a package."""
    names = ("requirements.txt", "requirements-dev.txt")
    lines = [one for name in names for one in (ROOT / name).read_text("utf-8").splitlines()]
    return dict(line.split("==") for line in lines if "==" in line)[package]


def test_there_are_no_other_workflows() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_follows_the_rules(name: str) -> None:
    assert faults(text_of(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_stacks_are_looked_up(name: str) -> None:
    assert stack_faults(text_of(name)) == []


def test_previews_exclude_each_other() -> None:
    assert preview_faults(text_of("preview.yml")) == []


def test_ci_runs_the_test_command() -> None:
    assert ci_faults(text_of("ci.yml")) == []


CHECKS: Final = {
    "every workflow": faults,
    "jobs for stacks": stack_faults,
    "previews": preview_faults,
    "ci": ci_faults,
}
VIOLATIONS: Final = yaml.safe_load(Path(__file__).with_name("violations.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("check", "case"),
    [
        pytest.param(check, case, id=name)
        for check, cases in VIOLATIONS.items()
        for name, case in cases.items()
    ],
)
def test_each_violation_is_reported(check: str, case: dict[str, str]) -> None:
    text = text_of(case["file"])
    assert case["text"] in text
    broken = text.replace(case["text"], case["wrong"])
    assert any(case["fault"] in fault for fault in CHECKS[check](broken))


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


def _said(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


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


@pytest.fixture(scope="session")
def zizmor() -> list[str]:
    """The auditor, as `make lint` runs it."""
    found = Path(sys.executable).with_name("zizmor")
    return [str(found), "--offline", "--no-progress", "--format=plain", "--color=never"]


def test_passes_zizmor(zizmor: list[str]) -> None:
    found = _said([*zizmor, str(FOLDER)], ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("name", "text", "wrong", "audit"),
    [
        ("comment.yml", " # zizmor: ignore[dangerous-triggers]", " #", "dangerous-triggers"),
        ("preview.yml", '"$STACK"', "${{ github.head_ref }}", "template-injection"),
        ("preview.yml", '"$STACK"', "${{ matrix.stack }}", "template-injection"),
        ("ci.yml", "actions/checkout@", "actions/checkout@v7 # ", "unpinned-uses"),
    ],
)
def test_zizmor_finds_what_is_wrong(
    name: str, text: str, wrong: str, audit: str, zizmor: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / name).write_text(text_of(name).replace(text, wrong), encoding="utf-8")
    found = _said([*zizmor, str(folder)], tmp_path)
    assert found.returncode != 0
    assert audit in found.stdout
