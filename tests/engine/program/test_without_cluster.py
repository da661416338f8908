"""A preview needs no cluster: what the pull request of a fork is previewed with."""

from __future__ import annotations

import re
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
    found = re.search(r"<<'YAML'\n(.*)\nYAML", script, re.DOTALL)
    assert found is not None
    file = tmp_path / "kubeconfig"
    file.write_text(found[1])
    return file


@pytest.mark.parametrize("stack", STACKS)
def test_preview_of_a_first_deployment(stack: str, nowhere: Path, program: MakeProgram) -> None:
    checkout: Workspace = program(stack)
    result = checkout.preview(stack, env={"KUBECONFIG": str(nowhere)}).check()
    assert result.summary == {"create": 10}
