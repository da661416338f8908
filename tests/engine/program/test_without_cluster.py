"""A preview needs no cluster: what the pull request of a fork is previewed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci import runs
from testbed.engine import Workspace
from tests.engine.program.conftest import MakeProgram
from tests.stacks.files import STACKS


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """The kubeconfig that leads nowhere."""
    file = tmp_path / "kubeconfig"
    file.write_text(runs.nowhere("dev"), encoding="utf-8")
    return file


@pytest.mark.parametrize("stack", STACKS)
def test_preview_of_a_first_deployment(stack: str, nowhere: Path, program: MakeProgram) -> None:
    checkout: Workspace = program(stack)
    result = checkout.preview(stack, env={"KUBECONFIG": str(nowhere)}).check()
    assert result.summary == {"create": 12}
