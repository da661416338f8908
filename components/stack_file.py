"""Stack files as the Pulumi CLI reads them, with the line of every path. Nothing imports Pulumi."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from .findings import Finding
from .findings import Path as Steps
from .yaml_file import Document, UnreadableError, documents, read_text

PREFIX: Final = "multus:"
SECRET_KEYS: Final = ("extraValues", "kubeconfig")


@dataclass(frozen=True)
class StackFile:
    """A stack's file."""

    name: str
    document: Document
    config: Mapping[str, Any]
    """All settings by their keys with namespace; one without is the project's own."""

    @property
    def settings(self) -> dict[str, Any]:
        """Our settings by their keys without namespace, as the CLI's program gets them."""
        ours = {key: value for key, value in self.config.items() if key.startswith(PREFIX)}
        return {key.removeprefix(PREFIX): decoded(value) for key, value in ours.items()}

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """Those of `settings` that the CLI keeps encrypted, as a whole or in part."""
        return tuple(key for key, value in self.settings.items() if _secret(value))

    def line(self, path: Steps) -> int:
        """The line, from 1, of a path such as ("multus:networks", 0, "master")."""
        key, *below = path or ("",)
        keys = self.document.data["config"]
        written = key if key in keys else str(key).removeprefix(PREFIX)
        return self.document.line(("config", written, *below))


def located(found: Iterable[Finding], file: StackFile) -> list[Finding]:
    """The findings with the file's name and their lines."""
    return [replace(one, file=file.name, line=file.line(one.path)) for one in found]


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


def misplaced_secrets(settings: Mapping[str, Any], secret: Collection[str]) -> Iterator[Finding]:
    """Secrets that can be none, and a kubeconfig that is none.

    It would lie in the repository, the state and the logs.
    """
    for key in sorted(secret):
        if key not in SECRET_KEYS:
            which = " and ".join(SECRET_KEYS)
            message = f"is a secret, and only {which} can be: the rest is in clear in the cluster. "
            yield Finding((PREFIX + key,), message + "Set it again without --secret")
    if settings.get("kubeconfig") and "kubeconfig" not in secret:
        message = "is not a secret. Set it with: pulumi config set --secret multus:kubeconfig"
        yield Finding((f"{PREFIX}kubeconfig",), message)


def read_stack_file(source: Path | str, file: str) -> StackFile:
    """A stack file from its path or its text; raises UnreadableError."""
    found = documents(read_text(str(source)) if isinstance(source, Path) else source, file)
    if len(found) != 1 or not is_stack_file(found[0]):
        raise UnreadableError(file, "a stack file is a mapping with a mapping called config in it")
    return stack_file(found[0], file)


def is_stack_file(document: Document) -> bool:
    """Whether there is a mapping called config. Pulumi.yaml has one too, beside its runtime."""
    data = document.data if isinstance(document.data, dict) else {}
    return isinstance(data.get("config"), dict) and "runtime" not in data


def stack_file(document: Document, file: str) -> StackFile:
    """A document for which `is_stack_file` holds; raises UnreadableError."""
    config: dict[str, Any] = {}
    for key, value in document.data["config"].items():
        name = key if ":" in key else PREFIX + key
        if name in config:
            line = document.line(("config", key))
            raise UnreadableError(file, f"{name} is there twice, once without {PREFIX}", line)
        config[name] = value
    return StackFile(file, document, config)


def _secret(value: Any) -> bool:
    """Whether the value is, or holds, the CLI's form of a secret."""
    if isinstance(value, dict):
        return value.keys() == {"secure"} or any(map(_secret, value.values()))
    return isinstance(value, list) and any(map(_secret, value))
