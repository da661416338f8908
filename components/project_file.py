"""What all stacks of a project share: the settings in Pulumi.yaml.

Of the same key a stack's own value counts alone; the CLI merges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from .findings import Finding
from .network_files import PROJECT, root_of
from .parse import PREFIX
from .yaml_file import Document, documents, read_text

GIVEN: Final = ("value", "default")
"""Where an entry has what it gives to stacks; a plain one is that itself."""


@dataclass(frozen=True)
class ProjectFile:
    """A project's file."""

    document: Document
    config: Mapping[str, Any]
    """Our settings by their keys with namespace."""

    def locate(self, finding: Finding) -> Finding:
        """The finding with the file and the line of a path such as ("multus:chart", "version")."""
        key, *below = finding.path
        entries = self.document.data["config"]
        written = key if key in entries else str(key).removeprefix(PREFIX)
        entry = entries[written]
        given = [one for one in GIVEN if isinstance(entry, dict) and one in entry][:1]
        return self.document.locate(finding, ("config", written, *given, *below))


def read_project_file(stack_file: str) -> ProjectFile | None:
    """That of the project of a stack's file, None without one; raises UnreadableError."""
    folder = root_of(stack_file).folder
    found = next((folder / one for one in PROJECT if (folder / one).is_file()), None)
    return _read(read_text(found, str(found)), str(found)) if found else None


@lru_cache(maxsize=1)  # many stacks have one
def _read(text: str, file: str) -> ProjectFile | None:
    for document in documents(text, file):
        entries = document.data.get("config") if isinstance(document.data, dict) else None
        if isinstance(entries, dict):  # else it is a folder's name
            return ProjectFile(document, dict(_given(entries)))
    return None


def _given(entries: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, entry in entries.items():
        name = key if ":" in key else PREFIX + key
        whole = entry if isinstance(entry, dict) else {"value": entry}
        values = [whole[one] for one in GIVEN if one in whole]
        if name.startswith(PREFIX) and values:
            yield name, values[0]
