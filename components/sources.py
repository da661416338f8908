"""Networks that stand in files of their own: lists, single ones, and manifests written by hand.

Each keeps where it came from, so that whatever is said of it names the file and the line.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any, Final

from .findings import Finding, Path, passed_over
from .yaml_file import Document, UnreadableError, documents, read_text

API: Final = "k8s.cni.cncf.io/v1"
KIND: Final = "NetworkAttachmentDefinition"
ALLOW: Final = "multus-k3s/allow"
METADATA: Final = ("name", "namespace", "labels", "annotations")
CONFIG: Final[Path] = ("spec", "config")
PLACES: Final[dict[str | int, Path]] = {
    **{key: ("metadata", key) for key in METADATA},
    "config": CONFIG,
    "allow": ("metadata", "annotations", ALLOW),
}
KUBECTLS_OWN: Final = "kubectl.kubernetes.io/last-applied-configuration"
PROJECT: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
NOTHING: Final = "there are no networks in it"


@dataclass(frozen=True)
class Source:
    """A network in a file of its own, and where it stands."""

    network: Any
    """As it would stand in a stack file; a manifest's is of type raw."""
    document: Document
    path: Path
    """From the document to the object, which may stand in a list."""
    is_manifest: bool = False

    @property
    def key(self) -> str:
        """`namespace/name`, by which messages name it."""
        found = _mapping(self.network)
        steps = (found.get("namespace", "default"), found.get("name", "unnamed"))
        return "/".join(one if isinstance(one, str) else "unnamed" for one in steps)

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.document.file}:{self.document.line(self.path)}"

    def locate(self, finding: Finding) -> Finding:
        """A finding whose path is the network's name and a path in it, as the file has it."""
        name, *below = finding.path
        if self.is_manifest and below:
            first, *rest = below
            below = [*PLACES.get(first, (first,)), *(rest if first != "allow" else ())]
        found = self.document.locate(finding, (*self.path, *below))
        return replace(found, path=(name, *below))


def is_manifest(document: Document) -> bool:
    """Whether it is an object of Kubernetes, of whatever kind."""
    return isinstance(document.data, dict) and {"apiVersion", "kind"} <= document.data.keys()


def has_networks(document: Document) -> bool:
    """Whether it can be what a file of networks holds: a list, one network or a manifest."""
    found = document.data
    return isinstance(found, list) or is_manifest(document) or "type" in _mapping(found)


def sources(found: Iterable[Document]) -> list[Source]:
    """The networks in documents; raises UnreadableError. Other objects are passed over."""
    made: list[Source] = []
    for one in found:
        if is_manifest(one):
            made += (
                Source(_raw(data), one, path, is_manifest=True)
                for path, data in _objects(one.data, ())
                if data.get("kind") == KIND
            )
        elif isinstance(one.data, list):
            made += (Source(data, one, (index,)) for index, data in enumerate(one.data))
        elif {"name", "type"} & _mapping(one.data).keys():
            made.append(Source(one.data, one, ()))
        else:
            message = "that is neither a list of networks, nor one network, nor a manifest"
            raise UnreadableError(one.file, message, one.line(()))
    return made


def not_applied(made: Iterable[Source]) -> Iterator[Finding]:
    """What the API server does not take of manifests, though a stack file may have it."""
    for one in made:
        version = one.is_manifest and _at(one, ("apiVersion",))
        if version and version != API:
            message = f"the API server knows {KIND} as {API}"
            yield one.locate(Finding((one.key, "apiVersion"), message, version))
        if one.is_manifest and isinstance(one.network.get("config"), dict):
            message = 'must be a text. Write JSON after "config: |"'
            yield one.locate(Finding((one.key, "config"), message))


def on_the_node(one: Source) -> Finding | None:
    """A note where a manifest has no configuration: Multus reads a file of the node then."""
    if not one.is_manifest or one.network.get("config"):
        return None
    message = "says nothing: Multus reads a file of the node, which nobody can check here"
    return one.locate(passed_over(message, path=(one.key, "config")))


def project_folder(below: File) -> File:
    """The folder of the nearest Pulumi.yaml: above a folder, else above the working directory."""
    for start in (below.resolve(), File.cwd()):
        for folder in (start, *start.parents):
            if any((folder / name).is_file() for name in PROJECT):
                return folder
    return below.resolve()


def read_patterns(patterns: Iterable[Any], root: File) -> tuple[list[Source], list[Finding]]:
    """The networks of all files that patterns name, below the project's folder.

    What is wrong with a pattern is at its place in `networkFiles`, and with a file in that file.
    """
    made: list[Source] = []
    found: list[Finding] = []
    taken: dict[str, str] = {}
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str):
            continue  # which `parse` says
        names, wrong = _matched(pattern, root, taken)
        found += (Finding(("networkFiles", index), one, pattern) for one in wrong)
        for name in names:
            try:
                own = sources(documents(read_text(root / name, name), name))
            except UnreadableError as error:
                found.append(error.finding)
            else:
                made += own
                found += not_applied(own) if own else [passed_over(NOTHING, name)]
    return made, found


def _matched(pattern: str, root: File, taken: dict[str, str]) -> tuple[list[str], list[str]]:
    """Names of files below `root`, and what is wrong with the pattern, in words.

    taken: what was found before, by its real path; the pattern's own are added.
    """
    if File(pattern).is_absolute() or ".." in File(pattern).parts:
        return [], ["it leads out of the project. Write it relative to the folder of Pulumi.yaml"]
    try:
        # Not pathlib's, which finds hidden files too, such as those of editors.
        matches = sorted({*glob.glob(pattern, root_dir=root, recursive=True)})  # noqa: PTH207
    except (ValueError, OSError):
        return [], ["that is no name of a file"]
    names: list[str] = []
    wrong: list[str] = []
    for name in matches:
        real = os.path.realpath(root / name)
        if link := _way_out(name, root):
            said = f"{link} is a link that leads out of the project. Put the files inside"
            wrong += [] if said in wrong else [said]
        elif real in taken:
            wrong.append(f"{name} was found before, by {taken[real]}. Let one of them find it")
        elif File(real).is_file() or not File(real).exists():
            names.append(name)
            taken[real] = f'"{pattern}" as {name}'
        elif not File(real).is_dir():
            wrong.append(f"{name} is no file. Remove it")
    if not matches:
        wrong = ["it finds no file, seen from the folder of Pulumi.yaml. Correct it, or remove it"]
    elif not names and not wrong:
        wrong = [f"it finds folders only. Write {pattern.rstrip('/')}/*.yaml"]
    return names, wrong


def _objects(data: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The object, or those of a List."""
    data = _mapping(data)
    items = data.get("items")
    if str(data.get("kind")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(item, (*path, "items", index))
    else:
        yield path, data


def _raw(data: dict[str, Any]) -> dict[str, Any]:
    metadata = _mapping(data.get("metadata"))
    found = {"type": "raw"} | {key: one for key in METADATA if (one := metadata.get(key))}
    annotations = found.get("annotations")
    if isinstance(annotations, dict):
        found["annotations"] = {k: v for k, v in annotations.items() if k != KUBECTLS_OWN}
        if isinstance(allow := annotations.get(ALLOW), str):
            found["allow"] = [name.strip() for name in allow.split(",") if name.strip()]
    if config := _mapping(data.get("spec")).get("config"):
        found["config"] = config
    return found


def _at(one: Source, path: Path) -> Any:
    found = one.document.data
    for step in (*one.path, *path):
        found = found[step]
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _way_out(name: str, root: File) -> str | None:
    """The first link on the way to a file that leads out of the project: the file or a folder."""
    inside = os.path.realpath(root)
    steps = [File(name), *File(name).parents]
    outside = (one for one in reversed(steps) if not (root / one).resolve().is_relative_to(inside))
    return next(map(str, outside), None)
