"""`multus-k3s drift`: asks the cluster what is other than the stack says."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping

from ..args import MultusArgs
from ..chart.versions import CRD_RELEASE, NAMESPACE, RELEASE
from ..cluster_tasks.crd_handover import NETWORKS
from ..cluster_tasks.kubectl import Kubectl, TaskError, connected, explained
from ..doctor.diagnosis import Diagnosis
from ..doctor.releases import REPAIR
from ..drift import drifted, in_diff, manifests, networks, of_releases
from .helm import record


def look(args: MultusArgs, access: Mapping[str, str], *, values_known: bool) -> list[Diagnosis]:
    """What drifted; raises TaskError. access: as the tasks get it in their environment."""
    with connected({**os.environ, **access}) as kubectl:
        records = {name: record(kubectl, name) for name in (RELEASE, CRD_RELEASE)}
        # The charts leave their objects' namespace to Helm.
        objects = _differing(kubectl, manifests(records), "--namespace", NAMESPACE)
        found = [*of_releases(args, records, values_known=values_known), *objects]
        if kubectl.optional("get", "crd", NETWORKS) is not None:
            found += _differing(kubectl, networks(args))
        elif not any(NETWORKS in one.subject for one in found):
            # Of a stack that deploys networks alone, or of a chart whose CRDs are in no manifest.
            command = REPAIR if args.deploy == "all" else "install Multus and its CRDs again"
            found.append(drifted(f"CRD {NETWORKS}", "is gone, and every network with it", command))
        return found


def _differing(kubectl: Kubectl, text: str, *where: str) -> Iterator[Diagnosis]:
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
