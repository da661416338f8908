"""Preflight: the rules that look at the live cluster, run before anything is changed.

What can be known without a cluster other rules say. What takes the stack's state (a release of our
name that is not the stack's) the hand-over of the CRDs says, in the middle of `up`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .findings import Finding
from .rules import registry
from .rules.configuration import Configuration
from .rules.live_objects import READS, Live

ROLE: Final = "docs/preflight-clusterrole.yaml"


def reads() -> str:
    """What the task `survey` is to read, as JSON for its environment (MULTUS_READS)."""
    return json.dumps({name: {"path": one.path, "keep": one.keep} for name, one in READS.items()})


def read_answer(answer: Mapping[str, Any]) -> Live | str:
    """What the task found, from its JSON; a text says why the cluster cannot be looked at."""
    if "unreachable" in answer:
        return str(answer["unreachable"])
    return Live(answer["found"], frozenset(answer["forbidden"]))


def findings(live: Live, config: Configuration) -> list[Finding]:
    """What the rules find, as far as their objects may be read. Nothing is allowed yet."""
    return [
        rule.finding(hit, hit.path)
        for rule in registry.of("cluster")
        if rule.is_for(config) and not live.forbidden.issuperset(rule.needs)
        for hit in rule.check(live, config)
    ]


def left_out(live: Live) -> list[str]:
    """One line for each kind of object that may not be read, with the rules that look at it."""
    forbidden = dict.fromkeys(READS[name].called for name in READS if name in live.forbidden)
    lines = []
    for called in forbidden:
        reads = {name for name, one in READS.items() if one.called == called}
        rules = ", ".join(
            one.name for one in registry.of("cluster") if reads.intersection(one.needs)
        )
        lines.append(
            f"the kubeconfig's user may not read {called}, which these rules look at: {rules}. "
            f"{ROLE} has what is needed"
        )
    return lines


__all__ = ["Live", "findings", "left_out", "read_answer", "reads"]
