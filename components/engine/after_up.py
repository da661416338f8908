"""What an `up` says of pods that run without their networks, and does about those of its own time.

Looked for by `local.run` of pulumi-command, before anything is registered and when all of it is
done. So it happens at each `up`, and one without a change still has none: nothing of it is a
resource. At preview nobody looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
from pulumi_command import local

from ..access import Access
from ..args import MultusArgs
from ..cluster_tasks import COMMAND, script
from .asking import AskError, ask

NOTHING: Final[Mapping[str, Any]] = {"before": [], "starting": []}


class AfterUp:
    """The look before; `judge` is the one after."""

    def __init__(self, args: MultusArgs, access: Access, commands: pulumi.ProviderResource) -> None:
        self._decision = args.missed
        self._timeout = args.timeout
        self._environment = access.environment()
        self._commands = commands
        self._off = pulumi.runtime.is_dry_run()
        self._before = NOTHING
        self._blind = ""  # why the look before failed: of all pods then, nobody knows since when
        if self._off:
            return
        try:
            found = ask("missed", {**self._environment, "MULTUS_MISSED": "look"}, commands)
        except AskError as error:
            self._unseen(str(error))
            self._off = True
        else:  # a cluster that does not answer yet may do so after it
            self._blind = found.get("unseen", "")
            self._before = NOTHING if self._blind else found

    def judge(self, after: Sequence[pulumi.Resource], resource: pulumi.Resource) -> None:
        """Say what is found when `after` is done; raises pulumi.RunError where `fail` asks so."""
        if self._off:
            return
        asked = {
            **self._environment,
            "MULTUS_MISSED": "warn" if self._blind else self._decision,
            "MULTUS_BEFORE": json.dumps(self._before),
            "MULTUS_TIMEOUT": str(self._timeout),
        }
        done = local.run_output(
            command=COMMAND,
            stdin=script("missed"),
            environment=asked,  # type: ignore[arg-type]  # the SDK takes Outputs inside too
            logging=local.Logging.NONE,
            opts=pulumi.InvokeOutputOptions(provider=self._commands, depends_on=[*after]),
        )
        done.stdout.apply(lambda text: self._say(json.loads(text), resource))

    def _unseen(self, why: str) -> None:
        text = f"nobody looked for pods without their networks: {why}"
        if self._decision == "fail":
            raise pulumi.RunError(text)
        pulumi.log.warn(text)

    def _say(self, found: Mapping[str, Any], resource: pulumi.Resource) -> None:
        if "unseen" in found:
            self._unseen(found["unseen"])
            return
        if names := found["restarted"]:
            pulumi.log.info(f"restarted for their networks: {', '.join(names)}", resource)
        if not found["total"]:
            return
        text = summary(found, self._blind)
        if found["fresh"] and self._decision == "fail":
            raise pulumi.RunError(f"everything is deployed, but {text}")
        pulumi.log.warn(text, resource)


def summary(found: Mapping[str, Any], blind: str = "") -> str:
    """Count, and a line for each pod as far as they were printed.

    blind: why the look before failed.
    """
    total, fresh, lines = found["total"], found["fresh"], found["lines"]
    what = f"{total} pods run without networks that they ask for"
    if total == 1:
        what = "1 pod runs without networks that it asks for"
    since = f"{fresh} of {total} since this run began" if fresh else "since before this run"
    if blind:
        since = f"nobody knows since when, for the look before this run failed ({blind})"
    more = total - len(lines)
    rest = [f"and {more} more, which multus-k3s doctor lists"] if more else []
    return "\n  ".join([f"{what}, {since}:", *lines, *rest])
