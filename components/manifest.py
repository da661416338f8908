"""NetworkAttachmentDefinitions by hand: what kubectl takes of them, as networks of type raw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from .findings import Finding, Path, did_you_mean, passed_over
from .plain import at
from .wording import A_MAPPING

GROUP: Final = "k8s.cni.cncf.io"
API: Final = f"{GROUP}/v1"
KIND: Final = "NetworkAttachmentDefinition"
TYPE: Final = f"kubernetes:{API}:{KIND}"  # as Pulumi calls it
OTHERS_OF_THE_GROUP: Final = ("MultiNetworkPolicy", "IPAMClaim")
ALIKE: Final = 0.85
ALLOW: Final = "multus-k3s/allow"
KUBECTLS_OWN: Final = "kubectl.kubernetes.io/last-applied-configuration"
# Else the provider deletes in the foreground (`DeletionPropagation` in its overrides.go), and waits
# for the garbage collector, which finds out about a new kind only each half-minute.
OF_ALL: Final = {"pulumi.com/deletionPropagationPolicy": "background"}
"""Annotations that every network gets, unless its own say otherwise."""
CONFIG: Final[Path] = ("spec", "config")
PLACES: Final[Mapping[str | int, Path]] = {
    **{key: ("metadata", key) for key in ("name", "namespace", "labels", "annotations")},
    "config": CONFIG,
    "allow": ("metadata", "annotations", ALLOW),
}
"""Where the keys of a network stand in a manifest."""
KEYS: Final[Mapping[Path, tuple[str, ...]]] = {
    (): ("apiVersion", "kind", "metadata", "spec"),
    ("metadata",): (
        *("name", "namespace", "labels", "annotations", "generateName", "finalizers"),
        *("ownerReferences", "uid", "resourceVersion", "generation", "selfLink", "managedFields"),
        *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    ),
    ("spec",): ("config",),
}
"""All that can stand there: ObjectMeta in apimachinery's meta/v1/types.go, and the CRD's schema."""


def is_object(data: Any) -> bool:
    """Whether it is an object of Kubernetes, of whatever kind, or nearly one."""
    return isinstance(data, dict) and not data.keys().isdisjoint(("apiVersion", "kind"))


def objects(data: Any) -> Iterator[tuple[Path, Any]]:
    """An object, or those of a List, each with the path to it."""
    if not isinstance(items := data.get("items"), list):
        yield (), data
        return
    # What an item does not say the list does (decodeToList in apimachinery's unstructured).
    said = {
        "apiVersion": data.get("apiVersion"),
        "kind": str(data.get("kind") or "").removesuffix("List"),
    }
    for index, item in enumerate(items):
        inherits = isinstance(item, dict) and not is_object(item)
        yield ("items", index), {**said, **item} if inherits else item


def no_kind(data: Any) -> Iterator[Finding]:
    """Why kubectl could not tell what an object is; and kinds that were meant to be a network's."""
    if not isinstance(data, dict):
        yield Finding((), A_MAPPING, data)
    elif not (kind := data.get("kind")):
        yield Finding(("kind",), f"is missing. Write {KIND}")
    elif isinstance(data.get("items"), list):
        yield Finding(("items",), "cannot stand here: kubectl takes no List in a List")
    elif kind != KIND and _meant(kind, str(data.get("apiVersion"))):
        yield Finding(("kind",), f"there is no such kind. Write {KIND}", kind)


def _meant(kind: Any, version: str) -> bool:
    """Whether a kind that is none of ours was meant to be one, or is none at all."""
    if not isinstance(kind, str) or get_close_matches(kind.lower(), [KIND.lower()], cutoff=ALIKE):
        return True
    return version.partition("/")[0] == GROUP and kind not in OTHERS_OF_THE_GROUP


def refused(data: Mapping[str, Any], *, deployed: bool) -> Iterator[Finding]:
    """What is wrong with a NetworkAttachmentDefinition beside the values of its network.

    deployed: by a stack, which has to know the configuration. Multus can read it on a node, too.
    """
    version = data.get("apiVersion")
    if not version:
        yield Finding(("apiVersion",), f"is missing. Write {API}")
    elif version != API:
        yield Finding(("apiVersion",), f"the API server knows {KIND} as {API}", version)
    for path, known in KEYS.items():
        here = at(data, path)
        if isinstance(here, dict):
            for key in (one for one in here if one not in known):
                message = f"is not a known key. {did_you_mean(key, known[:4])}"
                yield Finding((*path, key), message)
        elif here is not None:
            yield Finding(path, A_MAPPING, here)
    config = at(data, CONFIG)
    if config in (None, ""):
        message = "is missing: Multus would read a file of the node, which nobody can check here"
        missing = Finding(CONFIG, f"{message}. Write the configuration as JSON text")
        yield missing if deployed else passed_over(message, path=CONFIG)
    elif not isinstance(config, str):
        yield Finding(CONFIG, 'must be a text. Write JSON after "config: |"')


def as_raw(data: Mapping[str, Any]) -> dict[str, Any]:
    """The network as it would stand in a stack file; what kubectl takes for absent is left out."""
    found = {str(key): at(data, path) for key, path in PLACES.items() if key != "allow"}
    empty = ("namespace", "")
    found = {k: one for k, one in found.items() if one is not None and (k, one) != empty}
    if isinstance(annotations := found.get("annotations"), dict):
        found["annotations"] = {k: v for k, v in annotations.items() if k != KUBECTLS_OWN}
        if isinstance(allow := annotations.get(ALLOW), str):
            found["allow"] = [name.strip() for name in allow.split(",") if name.strip()]
    return {"type": "raw", **found}


def as_written(path: Path) -> Path:
    """A path in a network's keys, in those of its manifest."""
    first, *rest = path or ("",)
    if first == "allow":  # one text in the manifest
        rest = []
    return (*PLACES.get(first, (first,)), *rest) if path else ()
