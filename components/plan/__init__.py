"""What a preview means: a plan is data, made from the engine's steps and the cluster's answers.

Nothing here runs pulumi, asks a cluster or prints: `cli/planning.py` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..cluster_tasks.attachments import Live
from ..manifest import KIND
from . import hazards, objects
from .engine import OPS, REPLACE, Preview
from .networks import NetworkChange, changed, is_network
from .objects import Difference, Objects

OUTSIDE = "addresses-left-outside"
__all__ = ["Plan", "failed", "planned"]


@dataclass(frozen=True)
class Plan:
    """What a preview of one stack would do. Every text is as it was found, for any renderer."""

    stack: str
    failed: tuple[str, ...] = ()
    """Why there is none, a line each: then everything else is empty."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, a sentence each."""
    gated: bool = False
    """Whether that is reason enough to stop a pull request."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Resources by what happens to them, the worst first."""
    lost: tuple[str, ...] = ()
    """The resources that are replaced or deleted."""
    networks: tuple[NetworkChange, ...] = ()
    hazards: tuple[str, ...] = ()
    manifests: tuple[Difference, ...] = ()
    """Objects of the cluster that change."""
    steps: tuple[Difference, ...] = ()
    """The engine's own words."""


def failed(stack: str, why: Sequence[str]) -> Plan:
    """No plan, for these reasons, a line each."""
    return Plan(stack, failed=tuple(why))


def planned(
    stack: str,
    preview: Preview,
    *,
    pods: Mapping[str, Live],
    rendered: tuple[Objects, Objects] | None,
    unseen: Sequence[str] = (),
    gated: bool = False,
) -> Plan:
    """The plan of a preview.

    pods: those that live, by `namespace/name`. rendered: the charts' objects before and after,
    None where a chart changes and could not be rendered. unseen, gated: as the plan has them.
    """
    if preview.errors:
        return failed(stack, preview.errors)
    steps = preview.steps
    counts = Counter(one.op for one in steps)
    changes = tuple(changed(one, pods) for one in steps if is_network(one))
    # Preflight says this of the same pods.
    told = f"[{OUTSIDE}]" if any(one.outside for one in changes) else ""
    old, new = ({**one} for one in rendered or ({}, {}))
    for one, change in zip(filter(is_network, steps), changes, strict=True):
        for side, manifest in ((old, one.old), (new, one.new)):
            if manifest:
                side[f"{KIND} {change.key}"] = manifest
    return Plan(
        stack,
        unseen=tuple(unseen),
        gated=gated,
        counts={op: counts[op] for op in OPS if op in counts},
        lost=tuple(one.title for one in steps if one.op in (REPLACE, "delete")),
        networks=changes,
        hazards=(
            *hazards.of_steps(steps),
            *hazards.of_networks(changes),
            *hazards.of_release(steps, rendered),
            *(f"warning: {one}" for one in preview.warnings if not told or told not in one),
        ),
        manifests=(*objects.differences(old, new),),
        steps=(*objects.of_steps(steps),),
    )
