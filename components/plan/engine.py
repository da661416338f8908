"""What the engine's own preview says: its steps, and what it and the program said.

Read from its event log (`EngineEvent` in pulumi's sdk/go/common/apitype/events.go), or from
`pulumi preview --json` (`PreviewDigest` in pkg/display/json.go). Both have secrets as [secret].
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = Mapping[str, Any]

REPLACE: Final = "replace"
OPS: Final = (REPLACE, "delete", "create", "update", "import")
"""What changes something, the worst first. A replacement has further steps of other names."""
HOST: Final = "an unhandled error occurred: "
# What is said of this machine, and that a failure is one.
_OF_THE_ENGINE: Final = re.compile(
    r"(preview|update) failed|using pulumi-resource-\S+ from \$PATH"
    r"|resource plugin \S+ is expected to have version"
)
_COLOUR: Final = re.compile(r"<\{%.*?%\}>")


@dataclass(frozen=True)
class Step:
    """What is to happen to one resource; its inputs before and after, empty where it is not."""

    op: str
    urn: str
    type: str
    old: Json
    new: Json
    paths: tuple[str, ...] = ()
    """The properties that differ, as the provider says."""

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def title(self) -> str:
        """`delete NetworkAttachmentDefinition multus-default.lan`."""
        return f"{self.op} {self.type.rpartition(':')[2]} {self.name}"

    @property
    def is_default_provider(self) -> bool:
        """The engine neither shows nor counts those (`isInternalStep` in its pkg/engine/update.go).

        It makes one for a question to the state, and drops it in the next run that asks none.
        """
        return self.type.startswith("pulumi:providers:") and self.name.startswith("default")


@dataclass(frozen=True)
class Preview:
    """One preview, finished or not."""

    steps: tuple[Step, ...]
    """Those that change something."""
    errors: tuple[str, ...]
    """Lines; empty where the preview succeeded."""
    warnings: tuple[str, ...]


def read(text: str) -> Preview:
    """A preview from what the engine wrote; raises ValueError with one line."""
    steps, said, ended = [], [], False
    try:
        for event in _events(text):
            if found := event.get("resourcePreEvent"):
                steps.append(_step(found["metadata"]))
            elif found := event.get("diagnosticEvent"):
                said.append((str(found["severity"]), _plain(found)))
            ended |= "summaryEvent" in event
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it is neither an event log of pulumi nor of preview --json") from None
    errors = _of(said, "error")
    if not ended and not errors:
        errors = ("the preview has no end: pulumi was stopped",)
    changing = tuple(one for one in steps if one.op in OPS and not one.is_default_provider)
    return Preview(changing, errors, _of(said, "warning"))


def _events(text: str) -> list[Json]:
    try:
        whole = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested beyond all reason") from None
    except ValueError:  # not one text but one for each line
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise ValueError("it is no JSON: neither an event log nor of preview --json") from None
    return _of_digest(whole) if "changeSummary" in whole or "steps" in whole else [whole]


def _of_digest(whole: Json) -> list[Json]:
    """A digest as the events that it was made from."""
    events: list[Json] = []
    for one in whole.get("steps") or ():
        old, new = one.get("oldState"), one.get("newState")
        kind = (new or old)["type"]
        events.append(
            {"resourcePreEvent": {"metadata": {**one, "type": kind, "old": old, "new": new}}}
        )
    events += ({"diagnosticEvent": one} for one in whole.get("diagnostics") or ())
    return [*events, {"summaryEvent": {}}]


def _step(found: Json) -> Step:
    old, new = ((found.get(side) or {}).get("inputs") or {} for side in ("old", "new"))
    paths = tuple(found.get("detailedDiff") or found.get("diffs") or ())
    names = [found["op"], found["urn"], found["type"], *paths]
    for side in (old, new):
        names += [one["name"] for one in [side.get("metadata")] if one is not None]
    if not all(isinstance(one, str) for one in names):
        raise TypeError("a name is no text")
    return Step(found["op"], found["urn"], found["type"], old, new, paths)


def _plain(found: Json) -> str:
    text = _COLOUR.sub("", str(found["message"])).strip()
    return text.removeprefix(f"{found['severity']}: ").removeprefix(HOST)


def _of(said: Iterable[tuple[str, str]], severity: str) -> tuple[str, ...]:
    """Each line once. What an inline program raises is reported by it and by its host."""
    texts = [text for kind, text in said if kind == severity and not _OF_THE_ENGINE.match(text)]
    return tuple(
        dict.fromkeys(line.strip() for text in texts for line in text.splitlines() if line.strip())
    )
