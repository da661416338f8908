"""A preview needs no cluster: what the pull request of a fork is previewed with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from testbed.engine import Workspace
from tests.engine.program.conftest import MakeProgram
from tests.stacks.files import ROOT, STACKS


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """The kubeconfig that leads nowhere, out of the workflow that uses it."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "preview.yml").read_text())
    steps = workflow["jobs"]["stack-of-fork"]["steps"]
    [script] = [step["run"] for step in steps if "leads nowhere" in step.get("name", "")]
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path), "STACK": "dev"}
    subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=environment, check=True
    )
    return tmp_path / "kubeconfig"


@pytest.mark.parametrize("stack", STACKS)
def test_preview_of_a_first_deployment(stack: str, nowhere: Path, program: MakeProgram) -> None:
    checkout: Workspace = program(stack)
    result = checkout.preview(stack, env={"KUBECONFIG": str(nowhere)}).check()
    assert result.summary == {"create": 12}
