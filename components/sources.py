"""Networks that stand in files of their own: lists, single ones, and manifests written by hand.

Each keeps where it came from, so that whatever is said of it names the file and the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from . import manifest
from .findings import UNREADABLE, Finding, Path, passed_over, some
from .yaml_file import Document

NOTHING: Final = "there are no networks in it"
NEITHER: Final = "that is neither a list of networks, nor one network with its type, nor a manifest"
UNDER_A_KEY: Final = "is for a stack file: a file of networks has the list alone. Remove the line"
IN_A_LIST: Final = "is a manifest, which is a document of its own. Put --- before it, and no dash"


@dataclass(frozen=True)
class Source:
    """A network in a file of its own, and where it stands."""

    network: Any
    """As it would stand in a stack file; a manifest's is of type raw."""
    document: Document
    path: Path
    """From the document to the object, which may stand in a list."""
    refused: tuple[Finding, ...] = ()
    """What is wrong with the manifest around the network, with paths from there."""

    @property
    def key(self) -> str:
        """`namespace/name`, by which messages name it."""
        found = self.network if isinstance(self.network, dict) else {}
        steps = (found.get("namespace", "default"), found.get("name", "unnamed"))
        return "/".join(one if isinstance(one, str) else "unnamed" for one in steps)

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.document.file}:{self.document.line(self.path)}"

    def as_written(self, path: Path) -> Path:
        """A path in a network's keys, in those that stand in the file."""
        return manifest.as_written(path) if manifest.is_object(self.document.data) else path

    def locate(self, finding: Finding, path: Path) -> Finding:
        """A finding about what stands at a path in the network, with its file and line."""
        path = self.as_written(path)
        found = self.document.locate(finding, (*self.path, *path))
        return replace(found, path=(self.key, *path))


def has_networks(document: Document) -> bool:
    """Whether it can be what a file of networks holds: a list, one network or a manifest."""
    found = document.data
    one = isinstance(found, dict) and "type" in found
    return one or isinstance(found, list) or manifest.is_object(found)


def read_networks(
    found: Iterable[Document], file: str, *, deployed: bool
) -> tuple[list[Source], list[Finding]]:
    """The networks in a file's documents, and what is wrong with the rest of them.

    deployed: by a stack; else somebody applies them as they are.
    """
    made: list[Source] = []
    said: list[Finding] = []
    others: dict[str, int] = {}
    for document in found:
        manifests = manifest.is_object(document.data)
        for path, data in _parts(document.data):
            if wrong := [*_out_of_place(data, document)]:
                said += (document.locate(one.under(*path)) for one in wrong)
            elif not manifests:
                made.append(Source(data, document, path))
            elif data["kind"] == manifest.KIND:
                refused = tuple(manifest.refused(data, deployed=deployed))
                made.append(Source(manifest.as_raw(data), document, path, refused))
            else:
                others.setdefault(data["kind"], document.line(path))
    if others:
        message = f"nothing here reads or deploys what is no network: {some(others)}"
        said.append(passed_over(message, file, line=min(others.values())))
    return made, said or [passed_over(NOTHING, file)] * (not made)


def _parts(data: Any) -> Iterable[tuple[Path, Any]]:
    """What a document holds, each with the path to it."""
    if isinstance(data, list):
        return (((index,), one) for index, one in enumerate(data))
    return manifest.objects(data) if manifest.is_object(data) else [((), data)]


def _out_of_place(data: Any, document: Document) -> Iterator[Finding]:
    """Why that is no network."""
    if manifest.is_object(document.data):
        yield from manifest.no_kind(data)
    elif manifest.is_object(data):
        yield Finding((), IN_A_LIST)
    elif isinstance(data, dict) and [*data] == ["networks"]:
        yield Finding(("networks",), UNDER_A_KEY, rule=UNREADABLE)
    elif not has_networks(document):
        yield Finding((), NEITHER, rule=UNREADABLE)
