"""What Helm says of the releases, by the labels of its records."""

from __future__ import annotations

from collections.abc import Iterator

from ..args import MultusArgs
from ..chart.versions import CRD_RELEASE, NAMESPACE, RELEASE
from .diagnosis import Diagnosis
from .seen import Seen

# What to do next by the status of the last revision: docs/runbook.md has each in full.
NEXT = {
    "failed": "pulumi up",
    "uninstalled": "pulumi up --refresh",
    "pending-install": f"helm uninstall {{name}} --namespace {NAMESPACE}",
    "pending-upgrade": f"helm rollback {{name}} --namespace {NAMESPACE}",
    "pending-rollback": f"helm rollback {{name}} --namespace {NAMESPACE}",
}


def releases(seen: Seen, args: MultusArgs) -> Iterator[Diagnosis]:
    """Releases that are missing, or whose last operation did not succeed."""
    if args.deploy != "all" or "releases" in seen.forbidden:
        return
    last: dict[str, tuple[int, str]] = {}
    for record in seen.items("releases"):
        labels = record["metadata"].get("labels") or {}
        name, status = labels.get("name", ""), labels.get("status", "unknown")
        last[name] = max(last.get(name, (0, "")), (int(labels.get("version", 0)), status))
    for name in (CRD_RELEASE, RELEASE) if args.chart.facts.crd_version else (RELEASE,):
        revision, status = last.get(name, (0, ""))
        if not revision:
            yield Diagnosis("release", name, "is no Helm release here", "pulumi up --refresh")
        elif status != "deployed":
            command = NEXT.get(status, f"helm history {{name}} --namespace {NAMESPACE}")
            message = f"has the status {status} since revision {revision}"
            yield Diagnosis("release", name, message, command.format(name=name))
