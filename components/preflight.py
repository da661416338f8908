"""Preflight: what is read from the live cluster, and what the rules say of it.

`engine/preflight.py` has the engine read it, and ends the run where the configuration does not fit.

What can be known without a cluster other rules say. What takes the stack's state (a release of our
name that is not the stack's) the hand-over of the CRDs says, in the middle of `up`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from .args import MultusArgs, allowed
from .chart.versions import RELEASE
from .findings import Finding, Severity
from .own_state import OwnState
from .parse import placed
from .rules import Configuration, live_cluster, live_networks
from .rules.live_objects import LATER, READS, Live
from .rules.registry import of_live_cluster, run_on, settle

ROLE: Final = "docs/preflight-clusterrole.yaml"


Asked = Callable[..., Live | str]
"""Reads by their names; what was found, or why the cluster cannot be looked at."""


def look(config: Configuration, asked: Asked, own: OwnState) -> Live | str:
    """What the rules look at, in two rounds; or why there is none."""
    live = asked(*READS.keys() - LATER)
    if isinstance(live, str):
        return live
    live = replace(live, own=own.networks, own_release=RELEASE in (own.releases or ()))
    if not (names := later(live, config)):
        return live
    more = asked(*names)
    return more if isinstance(more, str) else live.with_more(more)


def judged(live: Live, args: MultusArgs) -> list[Finding]:
    """What there is to say, as it is said of the stack file; what may not be read included."""
    blind = Severity.ERROR if args.preflight == "required" else Severity.WARNING
    found = [
        *run_on(live, args.configuration),
        *(Finding((), text, rule="preflight", severity=blind) for text in left_out(live)),
    ]
    sources = {one.index: one.source for one in args.configuration.networks if one.source}
    found = settle(found, allowed(args.configuration), strict=args.strict, unused=False)
    return [placed(one, sources) for one in found]


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
    reads: dict[str, set[str]] = {}
    for name in READS:
        if name in live.forbidden:
            reads.setdefault(READS[name].called, set()).add(name)
    return [
        f"the kubeconfig's user may not read {called}, which these rules look at: "
        f"{', '.join(rule.name for rule in of_live_cluster() if names & {*rule.needs})}. "
        f"{ROLE} has what is needed"
        for called, names in reads.items()
    ]
