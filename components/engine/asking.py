"""Asks before or beside what is registered: the cluster by a task, the engine for its state.

By invokes, which answer at preview too, and of which nothing is in the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_command import local

from ..cluster_tasks import COMMAND, Task, script
from ..cluster_tasks.kubectl import one_line
from ..own_state import OwnState


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


def own_state() -> OwnState:
    """By the engine's own function, which other languages have as `listResourceOutputs`.

    To be asked at each preview and up, needed or not: the first such question of a program makes
    the engine register a provider for it, and `up --plan` refuses one that the preview had not.
    """
    try:
        asked = {"stackName": pulumi.get_stack()}
        found = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", asked).value
        return OwnState.of(found["outputs"])
    except Exception as error:  # as above
        pulumi.log.debug(f"the stack's own state is not known: {error}")
        return OwnState()
