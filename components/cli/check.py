"""`multus-k3s check`: files to findings, without Pulumi's engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..args import MultusArgs
from ..cluster import CLUSTERS
from ..findings import Finding, FindingsError, Severity
from ..manifests import is_manifest, manifests, not_text
from ..manifests import located as located_in
from ..model import read
from ..parse import ACCESS_KEYS, misspelt, parse
from ..stack_file import StackFile, is_stack_file, located, misplaced_secrets, stack_file
from ..yaml_file import UnreadableError, documents, read_text

Data = Mapping[str, Any]


def cluster_of(text: str, nodes: str) -> Data:
    """A cluster's settings from DISTRIBUTION@VERSION; raises ValueError with one line."""
    name, _, version = text.partition("@")
    if name not in ("k3s", "rke2"):
        raise ValueError("write it like k3s@v1.34.2+k3s1 or rke2@v1.34.2+rke2r1")
    cluster = {"distribution": name, "version": version, "nodes": nodes}
    try:
        read(CLUSTERS[name], cluster)
    except FindingsError as error:
        raise ValueError(error.findings[0].message) from None
    return cluster


def check_file(file: str, cluster: Data | None) -> list[Finding]:
    """The findings of a stack file or of manifests; raises UnreadableError.

    `cluster` says where manifests will run; a stack file says it itself.
    """
    found = documents(read_text(file), file)
    if found and all(map(is_manifest, found)):
        ours = manifests(found)
        settings: dict[str, Any] = {"networks": [one.network for one in ours]}
        settings |= {"cluster": cluster} if cluster else {}
        parsed = parse(settings, partial=True)
        return [*not_text(ours, file), *located_in(parsed.findings, ours, file)]
    if len(found) == 1 and is_stack_file(found[0]):
        return read_stack(stack_file(found[0], file))[1]
    what = "neither a stack file, which is a mapping called config, nor Kubernetes manifests"
    raise UnreadableError(file, f"it is {what}")


def read_stack(file: StackFile) -> tuple[MultusArgs | None, list[Finding]]:
    """What a stack file deploys, None where there is an error; and its findings.

    Secret settings are not read.
    """
    secret, settings = file.secret_keys, file.settings
    found = [*misspelt(file.config), *misplaced_secrets(settings, secret)]
    unread = {*ACCESS_KEYS, *secret}
    parsed = parse({key: value for key, value in settings.items() if key not in unread})
    hidden = {(f"multus:{key}",) for key in secret}  # they are there, and not missing
    found += [one for one in parsed.findings if one.path not in hidden]
    faulty = any(one.severity is Severity.ERROR for one in found)
    return None if faulty else parsed.args, located(found, file)
