"""Has an `up` go on with releases whose last Helm operation failed or has no end.

The engine does not: after a refresh the state has the chart and the values of the revision that
did not come to its end, and so nothing to change. Words for Helm's history are the change. They
stay in the state, where nothing but other words makes a difference.

At `up` alone: Helm's records are Secrets, which a preview reads none of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_command import local

from ..access import Access
from ..args import MultusArgs
from ..chart.versions import CRD_RELEASE, NAMESPACE, RELEASE
from ..cluster_tasks import COMMAND, script
from ..cluster_tasks.unfinished import digest_of
from ..own_state import OwnState
from .asking import AskError, ask


class Unfinished:
    """The look before; `words` ends what was found."""

    def __init__(
        self,
        args: MultusArgs,
        access: Access,
        commands: pulumi.ProviderResource,
        own: OwnState,
    ) -> None:
        """Raises pulumi.RunError for what a person has to remove."""
        self._repair = args.repair or None
        self._commands = commands
        self._found: Mapping[str, Mapping[str, Any]] = {}
        self._ended: pulumi.Output[str] | None = None
        if args.deploy != "all" or pulumi.runtime.is_dry_run():
            return
        wanted = {RELEASE: digest_of(args.chart.version, args.values)}
        if crds := args.chart.facts.crd_version:
            wanted[CRD_RELEASE] = digest_of(crds, args.crd_values)
        self._environment = {
            **access.environment(),
            "MULTUS_NAMESPACE": NAMESPACE,
            "MULTUS_TIMEOUT": str(args.timeout),
            "MULTUS_WANTED": json.dumps(wanted),
        }
        try:
            self._found = _without_known(ask("unfinished", self._environment, commands), own)
        except AskError as error:  # a cluster that does not answer says so at the first resource
            pulumi.log.info(f"nobody looked for releases without an end: {error}")
        for name, record in self._found.items():
            _say(name, record)

    def words(self, name: str, handover: pulumi.Resource) -> pulumi.Input[str] | None:
        """What the release's next revision is to say; with any, there is one.

        handover: stops the run where the release is another's, which is left alone then.
        """
        if name not in self._found:
            return self._repair
        if self._ended is None:
            ends = {one: _end(record) for one, record in self._found.items()}
            asked = {**self._environment, "MULTUS_ENDS": json.dumps(ends)}
            self._ended = local.run_output(
                command=COMMAND,
                stdin=script("unfinished"),
                environment=asked,  # type: ignore[arg-type]  # the SDK takes Outputs inside too
                logging=local.Logging.NONE,
                opts=pulumi.InvokeOutputOptions(provider=self._commands, depends_on=[handover]),
            ).stdout
        said = "after revision {revision}, {status}".format_map(self._found[name])
        return self._ended.apply(lambda _: said)


def _without_known(
    found: Mapping[str, Mapping[str, Any]], own: OwnState
) -> Mapping[str, Mapping[str, Any]]:
    """Without deployed releases, except one whose install ended when the engine was killed."""
    lost = {name for name, one in found.items() if one["status"] == "deployed" and one["wanted"]}
    lost = set() if own.releases is None else lost - own.releases
    return {name: one for name, one in found.items() if one["status"] != "deployed" or name in lost}


def _end(record: Mapping[str, Any]) -> str:
    """What becomes of a record.

    The engine knows no release whose install has no end: the provider was killed, or could not ask
    whether it is there. Where the engine alone was killed, the install may have ended. So it
    installs once more.
    """
    return "removed" if record["status"] in ("pending-install", "deployed") else "failed"


def _say(name: str, record: Mapping[str, Any]) -> None:
    revision, status = record["revision"], record["status"]
    if _end(record) == "removed" and not record["wanted"]:
        raise pulumi.RunError(
            f"Helm release {name} is {status}: its install was killed, and had another chart or "
            f"other values than the stack. Nothing was changed. Run helm uninstall {name} "
            f"--namespace {NAMESPACE}, and then pulumi up --refresh"
        )
    waits = f", in {record['wait']} s, when no Helm can be at work on it" if record["wait"] else ""
    pulumi.log.info(f"release {name} goes on after revision {revision}, {status}{waits}")
