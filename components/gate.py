"""The gate: preflight runs, and stops the run where the live cluster does not fit.

At preview and at up, before anything is registered; `destroy` does not run the program. It is a
`local.run` of pulumi-command, which runs at preview too and answers at once, so that it sees the
cluster that the other tasks see: same kubectl, same kubeconfig, same machine. All that a refused
`up` leaves in the state is the engine's note of which plugin it asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_command import local

from components import preflight
from components.access import Access
from components.args import MultusArgs
from components.faults import printable
from components.live import COMMAND, script
from components.live.kubectl import one_line


class PreflightError(pulumi.RunError):
    """The live cluster does not fit; the message has the count first, then one line for each."""

    def __init__(self, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        lines = "".join(f"\n  {finding}" for finding in findings)
        super().__init__(f"preflight of the cluster has {count}; nothing was changed.{lines}")


def inspect(args: MultusArgs, access: Access) -> None:
    """Raise PreflightError where the cluster does not fit; say the rest as warnings."""
    if args.preflight == "off":
        return
    answer = _survey(access)
    if (reason := answer.get("unreachable")) is not None:
        if args.preflight == "required":
            raise PreflightError([f"{reason}. multus:preflight is required, so that ends the run"])
        pulumi.log.info(f"preflight left out: {reason}")
        return
    live = preflight.Live(answer["found"], frozenset(answer["forbidden"]))
    found = preflight.findings(live, args)
    refused = [printable(one.text) for one in found if one.severity == "refuse"]
    missing = preflight.left_out(live)
    if args.preflight == "required":
        refused += missing
        missing = []
    for text in [*(printable(one.text) for one in found if one.severity == "warn"), *missing]:
        pulumi.log.warn(f"preflight: {text}")
    if refused:
        raise PreflightError(refused)


def _survey(access: Access) -> dict[str, Any]:
    try:
        done = local.run(
            command=COMMAND,
            stdin=script("preflight"),
            environment={**access.environment(), "MULTUS_READS": preflight.reads()},  # type: ignore[dict-item]  # an invoke takes Outputs too
            logging=local.Logging.NONE,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except Exception as error:  # the SDK has no class of its own for this
        return {"unreachable": one_line(f"its command failed: {error}")}
    return answer
