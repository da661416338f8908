"""Preflight ends the run where the live cluster does not fit the configuration.

At preview and at up, before anything is registered; `destroy` does not run the program. The survey
is a `local.run` of pulumi-command, which runs at preview too and answers at once. It sees the
cluster as the other tasks do: same kubectl, same kubeconfig, same machine.
"""

from __future__ import annotations

from collections.abc import Iterable

import pulumi
from pulumi.output import contains_unknowns

from ..access import Access, known
from ..args import MultusArgs
from ..findings import Finding, Severity, listed
from ..own_state import OwnState
from ..preflight import judged, look, read_answer, reads
from ..rules.live_objects import Live
from .asking import AskError, ask


class PreflightError(pulumi.RunError):
    """The live cluster does not fit, or preflight is required and could not look at it."""


def run(args: MultusArgs, access: Access, commands: pulumi.ProviderResource, own: OwnState) -> None:
    """Raise PreflightError where the live cluster does not fit; log the rest.

    commands: the provider of `pulumi-command`; the default one may be disabled.
    """
    if args.preflight == "off":
        return
    environment = access.environment()
    if contains_unknowns(known(environment)[0]):
        pulumi.log.info("preflight left out: the kubeconfig is not known before up")
        return

    def asked(*names: str) -> Live | str:
        try:
            found = ask("survey", {**environment, "MULTUS_READS": reads(*names)}, commands)
        except AskError as error:
            return str(error)
        return read_answer(found)

    live = look(args.configuration, asked, own)
    if isinstance(live, str):
        if args.preflight == "required":
            raise PreflightError(f"preflight is required, but {live}; nothing was changed")
        pulumi.log.info(f"preflight left out: {live}")
        return
    found = judged(live, args)
    if any(one.severity is Severity.ERROR for one in found):
        raise PreflightError(listed("nothing was changed, because preflight has", found))
    log_findings(found)


def log_findings(found: Iterable[Finding], resource: pulumi.Resource | None = None) -> None:
    """Warnings and notes, as the engine shows them."""
    for one in found:
        log = pulumi.log.info if one.severity is Severity.NOTE else pulumi.log.warn
        log(str(one).replace(f"{one.severity}: ", "", 1), resource)  # which the engine writes
