"""Copies of this repository that have nothing of their owner's."""

from __future__ import annotations

import shutil

import yaml

from testbed.engine import Workspace
from tests.stacks.files import EXAMPLES


def with_examples(checkout: Workspace) -> Workspace:
    """With the example stacks, and of Pulumi.yaml only what the program declares there."""
    shutil.rmtree(checkout.path / "stacks", ignore_errors=True)
    shutil.copytree(EXAMPLES / "stacks", checkout.path / "stacks")
    project = checkout.project
    entries = project["config"].items()
    project["config"] = {k: one for k, one in entries if isinstance(one, dict) and "default" in one}
    (checkout.path / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
    return checkout
