"""What Helm says of the releases, by the labels of its records."""

from __future__ import annotations

from collections.abc import Iterator

from ..args import MultusArgs
from ..chart.versions import CRD_RELEASE, NAMESPACE, RELEASE
from ..cluster_tasks.unfinished import OPEN
from .diagnosis import Diagnosis
from .seen import Seen

REFRESH = "pulumi up --refresh"
REPAIR = "pulumi config set multus:repair WHY && pulumi up"
"""Any new words have Helm upgrade the releases to what they are, which puts their objects back."""
# Statuses with which `up` goes on by itself: docs/runbook.md, "A run was killed".
GOES_ON = (*OPEN, "failed")


def next_for(name: str, status: str) -> str:
    """What to do about a release whose last revision has that status."""
    if status in GOES_ON:
        return "pulumi up"
    return REFRESH if status == "uninstalled" else f"helm history {name} --namespace {NAMESPACE}"


def wanted(args: MultusArgs) -> dict[str, str]:
    """The releases that a stack has, in their order, each with the version of its chart."""
    if args.deploy != "all":
        return {}
    crds = args.chart.facts.crd_version
    return ({CRD_RELEASE: crds} if crds else {}) | {RELEASE: args.chart.version}


def releases(seen: Seen, args: MultusArgs) -> Iterator[Diagnosis]:
    """Releases that are missing, or whose last operation did not succeed."""
    if "releases" in seen.forbidden:
        return
    last: dict[str, tuple[int, str]] = {}
    for record in seen.items("releases"):
        labels = record["metadata"].get("labels") or {}
        name, status = labels.get("name", ""), labels.get("status", "unknown")
        last[name] = max(last.get(name, (0, "")), (int(labels.get("version", 0)), status))
    for name in wanted(args):
        revision, status = last.get(name, (0, ""))
        if not revision:
            yield Diagnosis("release", name, "is no Helm release here", REFRESH)
        elif status != "deployed":
            message = f"has the status {status} since revision {revision}"
            yield Diagnosis("release", name, message, next_for(name, status))
