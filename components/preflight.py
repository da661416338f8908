"""Preflight looks at the live cluster, and ends the run where the configuration does not fit it.

At preview and at up, before anything is registered; `destroy` does not run the program. The survey
is a `local.run` of pulumi-command, which runs at preview too and answers at once. It sees the
cluster as the other tasks do: same kubectl, same kubeconfig, same machine.

What can be known without a cluster other rules say. What takes the stack's state (a release of our
name that is not the stack's) the hand-over of the CRDs says, in the middle of `up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import pulumi
from pulumi.output import contains_unknowns

from .access import Access, known
from .args import MultusArgs
from .chart.versions import RELEASE
from .findings import Finding, Severity, listed
from .parse import placed
from .rules import Configuration, live_cluster, live_networks
from .rules.live_objects import LATER, READS, Live
from .rules.registry import of, run_on, settle
from .tasks import AskError, OwnState, ask

ROLE: Final = "docs/preflight-clusterrole.yaml"


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

    live = asked(*READS.keys() - LATER)
    if isinstance(live, Live):
        live = replace(live, own=own.networks, own_release=RELEASE in (own.releases or ()))
    if isinstance(live, Live) and (names := later(live, args.configuration)):
        more = asked(*names)
        live = more if isinstance(more, str) else live.with_more(more)
    required = args.preflight == "required"
    if isinstance(live, str):
        if required:
            raise PreflightError(f"preflight is required, but {live}; nothing was changed")
        pulumi.log.info(f"preflight left out: {live}")
        return
    severity = Severity.ERROR if required else Severity.WARNING
    found = [
        *run_on(live, args.configuration),
        *(Finding((), text, rule="preflight", severity=severity) for text in left_out(live)),
    ]
    sources = {one.index: one.source for one in args.configuration.networks if one.source}
    found = settle(found, args.allowed, strict=args.strict, unused=False)
    found = [placed(one, sources) for one in found]
    if any(one.severity is Severity.ERROR for one in found):
        raise PreflightError(listed("nothing was changed, because preflight has", found))
    log_findings(found)


def reads(*names: str) -> str:
    """What the task `survey` is to read, as JSON for its environment (MULTUS_READS)."""
    chosen = {name: one for name, one in READS.items() if name in (names or READS)}
    return json.dumps({name: {"path": one.path, "keep": one.keep} for name, one in chosen.items()})


def later(live: Live, config: Configuration) -> set[str]:
    """What else is to be read, by what was found."""
    held = live_networks.changed(live, config), live_networks.leaving(live, config)
    return live_cluster.pools(live) | ({"pods"} if any(map(any, held)) else set())


def read_answer(answer: Mapping[str, Any]) -> Live | str:
    """What the task found, from its JSON; a text says why the cluster cannot be looked at."""
    if "unreachable" in answer:
        return str(answer["unreachable"])
    return Live(answer["found"], frozenset(answer["forbidden"]))


def left_out(live: Live) -> list[str]:
    """One line for each kind of object that may not be read, with the rules that look at it."""
    kinds: dict[str, set[str]] = {}
    for name, one in READS.items():
        if name in live.forbidden:
            kinds.setdefault(one.called, set()).update(
                rule.name for rule in of("cluster") if name in rule.needs
            )
    return [
        f"the kubeconfig's user may not read {called}, which these rules look at: "
        f"{', '.join(rule.name for rule in of('cluster') if rule.name in names)}. "
        f"{ROLE} has what is needed"
        for called, names in kinds.items()
    ]


def log_findings(found: Iterable[Finding], resource: pulumi.Resource | None = None) -> None:
    """Warnings and notes, as the engine shows them."""
    for one in found:
        log = pulumi.log.info if one.severity is Severity.NOTE else pulumi.log.warn
        log(str(one).replace(f"{one.severity}: ", "", 1), resource)  # which the engine writes
