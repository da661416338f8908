"""`multus-k3s import`: a stack file, and a file for `pulumi import`, from what a cluster has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ..adopting import Adopted, adopted
from ..chart.versions import CRD_RELEASE, NAMESPACE, RELEASE, RELEASE_TYPE
from ..cluster_tasks.kubectl import TaskError, connected
from ..manifest import TYPE
from ..parse import PREFIX
from ..yaml_file import UnreadableError, documents, dumped, read_text
from .helm import record

COMPONENT: Final = "multus"
SCHEMA: Final = "# yaml-language-server: $schema=../schemas/stack.schema.json\n"
MOST_INLINE: Final = 64 * 1024  # the CLI passes all of a stack's config in 128 KiB
NETWORKS: Final = "network-attachment-definitions.k8s.cni.cncf.io"


def project_name(file: Path) -> str:
    """The project's, of Pulumi.yaml; raises UnreadableError."""
    for document in documents(read_text(file, str(file)), str(file)):
        if isinstance(document.data, dict) and isinstance(name := document.data.get("name"), str):
            return name
    raise UnreadableError(str(file), "it has no name")


def look() -> tuple[Adopted, list[str]]:
    """What kubectl's cluster has, and the names of its releases; raises TaskError."""
    with connected(os.environ) as kubectl:
        releases = {name: record(kubectl, name) for name in (RELEASE, CRD_RELEASE)}
        found = kubectl.optional("get", NETWORKS, "--all-namespaces") or {}
        nodes = kubectl.json("get", "nodes")["items"]
        for name, one in releases.items():
            if one is not None and (status := one["info"]["status"]) != "deployed":
                fix = "Mend it first: docs/runbook.md has how"
                raise TaskError(f"release {name} has the status {status}. {fix}")
        there = [name for name, one in releases.items() if one is not None]
        return adopted(nodes, found.get("items") or [], releases[RELEASE]), there


def files(stack: str, project: str, found: Adopted, releases: Iterable[str]) -> dict[Path, str]:
    """The files to write, in a project's folder: the stack's, and what `pulumi import` reads.

    Networks that the CLI could not hand over go into a file of their own.
    """
    settings = dict(found.settings)
    networks = settings.get("networks", [])
    made = {Path(f"{stack}.import.json"): _import_file(stack, project, releases, networks)}
    if len(json.dumps(networks)) > MOST_INLINE:
        name = Path("networks") / f"{stack}.yaml"
        made[name] = dumped(settings.pop("networks"))
        settings["networkFiles"] = [str(name)]
    settings["adopt"] = True
    text = dumped({"config": {PREFIX + key: one for key, one in settings.items()}})
    return {Path("stacks") / f"Pulumi.{stack}.yaml": SCHEMA + text, **made}


def _import_file(
    stack: str, project: str, releases: Iterable[str], networks: Iterable[Mapping[str, Any]]
) -> str:
    """What `pulumi import --file` reads: the releases and networks, as the component names them."""
    urn = f"urn:pulumi:{stack}::{project}"
    table = {
        "multus": f"{urn}::multus:index:MultusComponent::{COMPONENT}",
        "cluster": f"{urn}::pulumi:providers:kubernetes::{COMPONENT}-cluster",
    }
    suffixes = {RELEASE: "release", CRD_RELEASE: "crds"}
    resources = [(RELEASE_TYPE, suffixes[name], f"{NAMESPACE}/{name}") for name in releases]
    for one in networks:
        space, name = one.get("namespace", "default"), one["name"]
        resources.append((TYPE, f"{space}.{name}", f"{space}/{name}"))
    found = [
        {
            "type": kind,
            "name": f"{COMPONENT}-{suffix}",
            "id": there,
            "parent": "multus",
            "provider": "cluster",
        }
        for kind, suffix, there in resources
    ]
    return json.dumps({"nameTable": table, "resources": found}, indent=2) + "\n"
