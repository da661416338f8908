"""What the cluster has otherwise than the stack says: pure, from Helm's records and a diff.

`pulumi refresh` asks Helm whether a release is there, and of its objects nothing. So a DaemonSet
that somebody deleted, and a ConfigMap that somebody edited, stay so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from .args import MultusArgs
from .chart.versions import CRD_RELEASE, RELEASE
from .doctor.diagnosis import Diagnosis
from .doctor.releases import REFRESH, REPAIR, next_for, wanted
from .manifest import API, KIND

Json = Mapping[str, Any]
_FILE: Final = re.compile(r"^diff .*/(?:MERGED|LIVE)-[^/]*/(?P<object>\S+)$")
# The chart's objects are held to what Helm applied, networks to the stack file.
OF_THE_CHART: Final = ("is gone", "was edited", REPAIR)
OF_THE_STACK: Final = (
    "is not there: it was deleted, or is not deployed yet",
    "is not what the stack says: it was edited, or the stack was and is not deployed yet",
    REFRESH,
)


def drifted(subject: str, message: str, command: str, *lines: str) -> Diagnosis:
    """lines: of the difference, - as the cluster has it, + as it should be."""
    return Diagnosis("drift", subject, message, command, details=lines)


def of_releases(
    args: MultusArgs, records: Mapping[str, Json | None], *, values_known: bool = True
) -> Iterator[Diagnosis]:
    """Releases that are not as the stack says.

    records: what Helm keeps, by the release's name. values_known: whether `args` has all values.
    """
    values = {RELEASE: args.values, CRD_RELEASE: args.crd_values}
    for name, version in wanted(args).items():
        record, subject = records.get(name), f"release {name}"
        if record is None:
            yield drifted(subject, "is gone", REFRESH)
            continue
        status, has = record["info"]["status"], record["chart"]["metadata"]["version"]
        if status != "deployed":
            yield drifted(subject, f"has the status {status}", next_for(name, status))
        elif has != version:
            yield drifted(subject, f"has the chart {has}, and the stack says {version}", REPAIR)
        elif values_known and (record.get("config") or {}) != values[name]:
            yield drifted(subject, "has other values than the stack says", REPAIR)


def manifests(records: Mapping[str, Json | None]) -> str:
    """What Helm has applied, as YAML: the releases' own objects."""
    found = (str((record or {}).get("manifest", "")) for record in records.values())
    return "\n---\n".join(one for one in found if one.strip())


def networks(args: MultusArgs) -> str:
    """The stack's networks as manifests, in YAML."""
    return yaml.safe_dump_all(
        {
            "apiVersion": API,
            "kind": KIND,
            "metadata": {
                "name": one.name,
                "namespace": one.namespace,
                "labels": dict(one.labels),
                "annotations": {**one.annotations, **one.own_annotations},
            },
            "spec": {"config": one.render()},
        }
        for one in args.networks
    )


def in_diff(text: str) -> Iterator[Diagnosis]:
    """The objects in what `kubectl diff` prints: from the live ones to those that should be.

    It names its files GROUP.VERSION.KIND.NAMESPACE.NAME (`Name` in kubectl's pkg/cmd/diff).
    """
    for part in re.split(r"^(?=diff )", text, flags=re.MULTILINE):
        head, *lines = part.splitlines() or [""]
        if not (match := _FILE.match(head)):
            continue
        subject = _subject(match["object"])
        gone, edited, command = OF_THE_CHART
        if subject.startswith(KIND):
            gone, edited, command = OF_THE_STACK
        changed = [one for one in lines if re.match(r"[-+](?![-+]{2} /)", one)]
        if any(one.startswith("@@ -0,0 ") for one in lines):
            yield drifted(subject, gone, command)
        elif changed:
            yield drifted(subject, f"{edited} (- as it is, + as it should be)", command, *changed)


def _subject(name: str) -> str:
    """`apps.v1.DaemonSet.kube-system.multus` as people say it."""
    parts = name.split(".")
    at = next((index for index, one in enumerate(parts) if one[:1].isupper()), 0)
    kind, namespace, *rest = [*parts[at:], "", ""]
    named = ".".join(one for one in rest if one)
    return f"{kind} {namespace}/{named}" if namespace else f"{kind} {named}"
