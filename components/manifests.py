"""NetworkAttachmentDefinitions that were written by hand, as raw networks for the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .findings import Finding, Path
from .yaml_file import Document

API: Final = "k8s.cni.cncf.io/v1"
ALLOW: Final = "multus-k3s/allow"
ALLOWED: Final[Path] = ("metadata", "annotations", ALLOW)
METADATA: Final = ("name", "namespace", "labels", "annotations")
CONFIG: Final[Path] = ("spec", "config")
PLACES: Final[dict[str, Path]] = {key: ("metadata", key) for key in METADATA} | {"config": CONFIG}


@dataclass(frozen=True)
class Manifest:
    """A NetworkAttachmentDefinition with a configuration of its own."""

    document: Document
    path: Path
    """From the document to the object, which may stand in a List."""
    network: dict[str, Any]
    """The network of type raw that says the same in a stack file."""

    def located(self, finding: Finding, below: Path, file: str) -> Finding:
        """A finding about the object, with its line."""
        path = (*self.path, *below)
        return replace(finding, path=path, file=file, line=self.document.line(path))


def is_manifest(document: Document) -> bool:
    """Whether it is an object of Kubernetes, of whatever kind."""
    return isinstance(document.data, dict) and {"apiVersion", "kind"} <= document.data.keys()


def manifests(found: Iterable[Document]) -> list[Manifest]:
    """The definitions in documents. Without `spec.config` Multus reads a file of the node."""
    objects = [(one, *each) for one in found for each in _objects(one.data, ())]
    return [
        Manifest(document, path, _network(data))
        for document, path, data in objects
        if data.get("apiVersion") == API
        and _mapping(data.get("spec")).get("config") not in (None, "")
    ]


def located(found: Iterable[Finding], ours: Sequence[Manifest], file: str) -> Iterator[Finding]:
    """Findings about `multus:networks` at the place of each in the manifests."""
    for one in found:
        key, *below = one.path or ("",)
        if key != "multus:networks" or not below:
            yield replace(one, path=(str(key).replace("multus:", "--"), *below), file=file)
            continue
        index, *rest = below
        place = PLACES.get(str(rest[0]), ()) if rest else ()
        path = ALLOWED if rest[:1] == ["allow"] else (*place, *rest[1:])
        yield ours[int(index)].located(one, path, file)


def not_text(ours: Iterable[Manifest], file: str) -> Iterator[Finding]:
    """Configurations that the API server does not take; a stack file may have them."""
    message = 'a text is needed here. Write JSON after "config: |"'
    for one in ours:
        if not isinstance(one.network["config"], str):
            yield one.located(Finding((), message), CONFIG, file)


def _objects(data: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The object, or those of a List."""
    data = _mapping(data)
    items = data.get("items")
    if str(data.get("kind")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(item, (*path, "items", index))
    else:
        yield path, data


def _network(data: dict[str, Any]) -> dict[str, Any]:
    metadata = _mapping(data.get("metadata"))
    found = {"type": "raw", "config": data["spec"]["config"]}
    found |= {key: metadata[key] for key in METADATA if metadata.get(key) is not None}
    allow = _mapping(metadata.get("annotations")).get(ALLOW)
    if isinstance(allow, str):
        found["allow"] = [name.strip() for name in allow.split(",") if name.strip()]
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
