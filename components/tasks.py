"""Asks before or beside what is registered: the cluster by a task, the engine for its state.

By invokes, which answer at preview too, and of which nothing is in the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_command import local

from .chart.versions import RELEASE_TYPE
from .cluster_tasks import COMMAND, Task, script
from .cluster_tasks.kubectl import one_line
from .manifest import TYPE as NETWORK


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


@dataclass(frozen=True)
class OwnState:
    """Outputs of the resources in this stack's state, by their type; None where none can be read.

    Read at each preview and up, asked for or not: the first such question of a program makes the
    engine register a provider for it, and `up --plan` refuses one that the preview had not.
    """

    outputs: Mapping[str, Sequence[Mapping[str, Any]]] | None

    @classmethod
    def read(cls) -> OwnState:
        """By the engine's own function, which other languages have as `listResourceOutputs`."""
        try:
            asked = {"stackName": pulumi.get_stack()}
            found = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", asked).value
            outputs: dict[str, list[Mapping[str, Any]]] = {}
            for one in found["outputs"].values():
                outputs.setdefault(one["type"], []).append(one["outputs"])
        except Exception as error:  # as above
            pulumi.log.debug(f"the stack's own state is not known: {error}")
            return cls(None)
        return cls(outputs)

    @property
    def networks(self) -> frozenset[str] | None:
        """`namespace/name` of each network."""
        if self.outputs is None:
            return None
        names = (one["metadata"] for one in self.outputs.get(NETWORK, ()) if "metadata" in one)
        return frozenset(f"{one['namespace']}/{one['name']}" for one in names)

    @property
    def releases(self) -> frozenset[str] | None:
        """Name of each Helm release."""
        if self.outputs is None:
            return None
        return frozenset(str(one.get("name")) for one in self.outputs.get(RELEASE_TYPE, ()))
