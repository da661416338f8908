"""`multus-k3s check`: files to findings, without Pulumi's engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from ..cluster import CLUSTERS, Nodes
from ..findings import Finding, FindingsError, passed_over
from ..model import read
from ..parse import Parsed, parse
from ..project_file import read_project_file
from ..sources import has_networks, read_networks
from ..stack_file import StackFile, examine, is_stack_file, stack_file
from ..yaml_file import Document, UnreadableError, documents, read_text

EXPECTED: Final = (
    "it is neither a stack file, which is a mapping called config, nor networks, which are lists "
    "of them or Kubernetes manifests"
)


@dataclass(frozen=True)
class RunsOn:
    """The cluster of networks that stand alone; a stack file says it itself."""

    settings: dict[str, Any]
    """`cluster` as in a stack file, where it was named."""
    nodes: Nodes = "multi"
    options: tuple[str, ...] = ()
    """What was given of --cluster and --nodes."""


def runs_on(cluster: str, nodes: Nodes | None) -> RunsOn:
    """The cluster, of DISTRIBUTION@VERSION; raises ValueError with one line."""
    given = {"--cluster": cluster, "--nodes": nodes}
    options = tuple(name for name, one in given.items() if one)
    if not cluster:
        return RunsOn({}, nodes or "multi", options)
    name, _, version = cluster.partition("@")
    if name not in ("k3s", "rke2"):
        raise ValueError("write it like k3s@v1.34.2+k3s1 or rke2@v1.34.2+rke2r1")
    settings = {"distribution": name, "version": version, "nodes": nodes or "multi"}
    try:
        read(CLUSTERS[name], settings)
    except FindingsError as error:
        raise ValueError(error.findings[0].message) from None
    return RunsOn({"cluster": settings}, nodes or "multi", options)


def check_file(file: str, where: RunsOn) -> Parsed:
    """What there is to say of a stack file, or of networks; raises UnreadableError."""
    found = documents(read_text(file, file), file)
    if not any(map(is_stack_file, found)):
        if found and not any(map(has_networks, found)):
            raise UnreadableError(file, EXPECTED)
        return _check_networks(found, file, where)
    if len(found) > 1:
        message = "a stack file is one document. Move the others into files of their own"
        raise UnreadableError(file, message, found[1].line(()))
    parsed = read_stack(stack_file(found[0], read_project_file(file)), file)
    message = "is for networks alone: this stack says where it runs"
    notes = [passed_over(f"{one} {message}", file) for one in where.options]
    return replace(parsed, findings=[*notes, *parsed.findings])


def _check_networks(found: list[Document], file: str, where: RunsOn) -> Parsed:
    made, said = read_networks(found, file, deployed=False)
    parsed = parse(where.settings, made, partial=where.nodes)

    def of_an_option(one: Finding) -> Finding:
        key, *below = one.path
        return replace(one, file=file, path=(str(key).replace("multus:", "--"), *below))

    own = [one if one.file else of_an_option(one) for one in parsed.findings]
    return replace(parsed, findings=[*said, *own])


def read_stack(file: StackFile, name: str) -> Parsed:
    """What a stack file says. Secret settings are not read."""
    return examine(file.config, file.secret_keys, name, file)
