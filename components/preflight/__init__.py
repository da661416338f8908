"""Preflight: what in the live cluster does not fit the stack, told before anything is changed.

Pure: objects that `components/live/preflight.py` has read go in, findings come out. What can be
told without a cluster the settings' own checks tell; what takes the stack's state (a release of our
name that it did not make) the hand-over tells, in the middle of `up`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from components.args import MultusArgs
from components.preflight import addresses, installs, nodes
from components.preflight.live import CRDS, READS, Finding, Live

ROLE: Final = "docs/preflight-clusterrole.yaml"


@dataclass(frozen=True)
class Check:
    """One question to the live cluster, and the reads without which it is left out."""

    called: str
    needs: tuple[str, ...]
    findings: Callable[[Live, MultusArgs], Iterator[Finding]]


CHECKS: Final = (
    Check("versions of the nodes", ("nodes",), nodes.versions),
    Check("number of nodes", ("nodes",), nodes.count),
    Check("default CNI", ("nodes",), nodes.default_cni),
    Check("networks of pods", ("nodes",), addresses.pods),
    Check("networks of services", ("service",), addresses.services),
    Check("addresses of nodes", ("nodes",), addresses.nodes),
    Check("namespaces of networks", ("namespaces",), installs.namespaces),
    Check("HelmCharts of Multus", ("helmcharts",), installs.helm_charts),
    Check("other installs of Multus", ("daemonsets",), installs.multus),
    Check("Cilium", ("cilium",), installs.cilium),
    Check("owners of the CRDs", CRDS, installs.crds),
)


def reads() -> str:
    """What the task is to read, for its environment."""
    return json.dumps(
        {name: {"path": read.path, "keep": read.keep} for name, read in READS.items()}
    )


def findings(live: Live, args: MultusArgs) -> list[Finding]:
    """All that does not fit, as far as it could be looked at."""
    return [
        finding
        for check in CHECKS
        if not live.forbidden.intersection(check.needs)
        for finding in check.findings(live, args)
    ]


def left_out(live: Live) -> list[str]:
    """One line for each kind of object that may not be read, with the checks that need it."""
    lines = {}
    for name, read in READS.items():
        if name in live.forbidden:
            checks = ", ".join(check.called for check in CHECKS if name in check.needs)
            lines[read.called] = (
                f"the kubeconfig's user may not read {read.called}, so this was left out: {checks}."
                f" {ROLE} has what is needed"
            )
    return list(lines.values())


__all__ = ["CHECKS", "Finding", "Live", "findings", "left_out", "reads"]
