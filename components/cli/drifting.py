"""`multus-k3s drift`: asks the cluster, and shows what is other than the stack says."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

import typer

from ..args import MultusArgs
from ..chart.versions import CRD_RELEASE, NAMESPACE, RELEASE
from ..cluster_tasks.crd_handover import NETWORKS
from ..cluster_tasks.kubectl import Kubectl, TaskError, connected, explained
from ..drift import Drift, in_diff, manifests, networks, of_releases
from ..findings import printable
from .helm import record

MOST_LINES: Final = 20


def look(args: MultusArgs, access: Mapping[str, str]) -> list[Drift]:
    """What drifted; raises TaskError. access: as the tasks get it in their environment."""
    with connected({**os.environ, **access}) as kubectl:
        records = {name: record(kubectl, name) for name in (RELEASE, CRD_RELEASE)}
        # The charts leave their objects' namespace to Helm.
        objects = _differing(kubectl, manifests(records), "--namespace", NAMESPACE)
        found = [*of_releases(args, records), *objects]
        if kubectl.optional("get", "crd", NETWORKS) is not None:
            found += _differing(kubectl, networks(args))
        return found


def _differing(kubectl: Kubectl, text: str, *where: str) -> Iterator[Drift]:
    """What `kubectl diff` finds, which asks the API server by a dry run."""
    if not text.strip():
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        done = subprocess.run(
            [*kubectl.command, "diff", *where, "--filename", file.name],
            env={**kubectl.environment, "KUBECTL_EXTERNAL_DIFF": "diff -u -N"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode > 1 or (done.returncode == 1 and not done.stdout):
        raise TaskError(explained(done.stderr))
    yield from in_diff(done.stdout)


def show(found: list[Drift], *, as_json: bool) -> None:
    """One line for each, the difference, and what repairs it."""
    if as_json:
        typer.echo(json.dumps({"drift": [asdict(one) for one in found]}, indent=2))
        return
    for one in found:
        typer.echo(printable(str(one)))
        for line in one.details[:MOST_LINES]:
            typer.echo(printable(f"    {line}"))
        if len(one.details) > MOST_LINES:
            typer.echo(f"    and {len(one.details) - MOST_LINES} lines more")
        typer.echo(f"  repair: {one.command}")
    typer.echo(f"{len(found)} drifted" if found else "nothing drifted")
