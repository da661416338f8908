"""Asks the cluster by a task, before or beside what is registered: an invoke of pulumi-command.

At preview too, and nothing of it is in the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_command import local

from .cluster_tasks import COMMAND, Task, script
from .cluster_tasks.kubectl import one_line


class AskError(Exception):
    """The task's command failed, or answered no JSON; one line."""


def ask(
    task: Task, environment: Mapping[str, pulumi.Input[str]], commands: pulumi.ProviderResource
) -> Any:
    """The JSON that a task prints; raises AskError."""
    try:
        done = local.run(
            command=COMMAND,
            stdin=script(task),
            environment=dict(environment),  # type: ignore[arg-type]  # an invoke takes Outputs too
            logging=local.Logging.NONE,
            opts=pulumi.InvokeOptions(provider=commands),
        )
        return json.loads(done.stdout)
    except Exception as error:  # the SDK has no class of its own for this
        raise AskError(one_line(f"its command failed: {error}")) from error
