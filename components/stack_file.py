"""Stack files as the Pulumi CLI reads them, and all that there is to say of what they hold.

Nothing here imports Pulumi: the program, `multus-k3s check` and the demo all come by `examine`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from .findings import MISSING, Finding
from .findings import Path as Steps
from .network_files import read_patterns, root_of
from .parse import ACCESS_KEYS, KEYS, NAMESPACE, PREFIX, Parsed, parse, placed, unknown
from .project_file import ProjectFile, read_project_file
from .sources import has_networks
from .yaml_file import Document, UnreadableError, documents, read_text

SECRET_KEYS: Final = ("extraValues", "kubeconfig")
ALIKE: Final = 0.75  # "mutlus" is 0.83 of it, "pulumi" 0.5


@dataclass(frozen=True)
class StackFile:
    """A stack's file."""

    document: Document
    config: Mapping[str, Any]
    """All settings by their keys with namespace; one without is the project's own. As the CLI's
    program gets them."""
    project: ProjectFile | None = None
    """Where those that the stack does not have come from."""

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """Our settings, without namespace, that the CLI keeps encrypted, as a whole or in part."""
        ours = ((key, value) for key, value in self.config.items() if key.startswith(PREFIX))
        return tuple(
            key.removeprefix(PREFIX) for key, value in ours if encrypted(value) is not None
        )

    def locate(self, finding: Finding) -> Finding:
        """The finding with the file and the line of a path such as ("multus:networks", 0)."""
        key, *below = finding.path or ("",)
        keys = self.document.data["config"] or {}
        written = key if key in keys else str(key).removeprefix(PREFIX)
        given = self.project and key in self.project.config and written not in keys
        if self.project and given and (below or finding.value is not MISSING):
            return self.project.locate(finding)
        return self.document.locate(finding, ("config", written, *below))


def examine(
    config: Mapping[str, Any],
    secret: Collection[str],
    name: str,
    file: StackFile | None,
) -> Parsed:
    """All that a stack says, with its networks from other files, and all that is wrong with it.

    config: settings by their keys with namespace. secret: those of ours, without namespace, that
    are secrets; none of their values is shown. One that is encrypted, or should be no secret, is
    not read. name and file: of the stack; None where it cannot be read, and lines are not known.
    """
    ours = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX)}
    unread = {one for one in secret if one not in SECRET_KEYS or encrypted(ours[one]) is not None}
    settings = {k: v for k, v in ours.items() if k not in {*ACCESS_KEYS, *unread}}
    patterns = settings.get("networkFiles")
    patterns = patterns if isinstance(patterns, list) else []
    sources, wrong = read_patterns(patterns, root_of(name))
    parsed = parse(settings, sources)
    hidden = {(PREFIX + key,) for key in unread}  # they are there, and not missing
    found = [*_stray(config), *_access(ours, secret)]
    found += (placed(one, {}) for one in wrong)
    found += [_redacted(one, secret) for one in parsed.findings if one.path not in hidden]
    locate = file.locate if file else lambda one: replace(one, file=name)
    return replace(parsed, findings=[one if one.file else locate(one) for one in found])


def decoded(value: Any) -> Any:
    """A config value as YAML had it: the CLI passes lists, mappings, numbers and booleans as JSON.

    A text that is no JSON stands for itself, and so does a number of the wrong form: `v4.3.017`.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # the latter: nested beyond all reason
        return value


def _stray(keys: Iterable[str]) -> Iterator[Finding]:
    """Keys that look as if they were ours, and nothing would read them.

    Those of a namespace that is ours but for a slip, and those of the default Kubernetes provider:
    with `kubernetes:context` alone the networks would go to another cluster.
    """
    for key in keys:
        namespace, colon, name = key.partition(":")
        near = get_close_matches(namespace.lower(), [NAMESPACE], cutoff=ALIKE)
        if colon and namespace != NAMESPACE and near:
            yield Finding((key,), f'is read by nothing. Did you mean "{PREFIX}{name}"?')
        elif namespace == "kubernetes":
            fix = f"Set {PREFIX}{name}" if name in ACCESS_KEYS else "Remove it"
            ours = " and ".join(PREFIX + one for one in ACCESS_KEYS)
            yield Finding((key,), f"is read by nothing: {ours} say which cluster it is. {fix}")


def _access(ours: Mapping[str, Any], secret: Collection[str]) -> Iterator[Finding]:
    """Secrets that can be none, a kubeconfig that is none, and a context that is no name.

    The kubeconfig would lie in the repository, the state and the logs.
    """
    for key in sorted(secret):
        if key not in KEYS:
            yield placed(unknown(key), {})
        elif key not in SECRET_KEYS:
            which = " and ".join(SECRET_KEYS)
            message = f"is a secret, and only {which} can be: the rest is in clear in the cluster. "
            path = (PREFIX + key, *(encrypted(ours[key]) or ()))
            yield Finding(path, message + "Set it again without --secret")
    if ours.get("kubeconfig") and "kubeconfig" not in secret:
        message = "is not a secret. Set it with: pulumi config set --secret multus:kubeconfig"
        yield Finding((f"{PREFIX}kubeconfig",), message)
    if isinstance(ours.get("context"), dict | list):
        yield Finding((f"{PREFIX}context",), "must be the name of one of the kubeconfig's contexts")


def _redacted(finding: Finding, secret: Collection[str]) -> Finding:
    """A finding in a secret setting, without the value."""
    key = str(finding.path[0]).removeprefix(PREFIX) if finding.path else ""
    hidden = key in secret and finding.value is not MISSING
    return replace(finding, value="[secret]") if hidden else finding


def read_stack_file(source: Path | str, file: str) -> StackFile:
    """A stack file from its path, with what its project adds, or from its text alone.

    Raises UnreadableError.
    """
    found = documents(read_text(source, file) if isinstance(source, Path) else source, file)
    if len(found) == 1 and is_stack_file(found[0]):
        project = read_project_file(str(source)) if isinstance(source, Path) else None
        return stack_file(found[0], project)
    raise UnreadableError(file, "a stack file is a mapping with a mapping called config in it")


def is_stack_file(document: Document) -> bool:
    """Whether there is a mapping called config. Pulumi.yaml has one too, beside its runtime."""
    data = document.data if isinstance(document.data, dict) else {}
    if "config" not in data or "runtime" in data or has_networks(document):
        return False
    return data["config"] is None or isinstance(data["config"], dict)


def stack_file(document: Document, project: ProjectFile | None) -> StackFile:
    """A document for which `is_stack_file` holds; raises UnreadableError."""
    config: dict[str, Any] = {}
    for key, value in (document.data["config"] or {}).items():
        name = key if ":" in key else PREFIX + key
        if name in config:
            line = document.line(("config", key))
            message = f"{name} is there twice, once without {PREFIX}"
            raise UnreadableError(document.file, message, line)
        config[name] = decoded(value) if name.startswith(PREFIX) else value
    given = {key: decoded(one) for key, one in project.config.items()} if project else {}
    return StackFile(document, given | config, project)


def encrypted(value: Any) -> Steps | None:
    """The path to the CLI's form of a secret in a value; None where there is none."""
    if isinstance(value, dict) and value.keys() == {"secure"}:
        return ()
    inner = value.items() if isinstance(value, dict) else ()
    for step, one in enumerate(value) if isinstance(value, list) else inner:
        if (below := encrypted(one)) is not None:
            return (step, *below)
    return None
