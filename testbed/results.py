"""What an operation of the real engine did, in the engine's own words, as plain data.

Read from the engine's events, not from the text that it prints, which changes between versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOST = "an unhandled error occurred: "
AMBIENT = re.compile(
    r"^using pulumi-resource-\S+ from \$PATH|plugin .* is expected to have version"
)
# Steps that the engine reports though they change nothing.
_STILL = frozenset({"same", "read", "refresh"})


@dataclass(frozen=True)
class Step:
    """One step of one resource.

    `diffs` are the top-level input keys that the provider saw change, `detailed_diff` the property
    paths with their kind.
    """

    op: str
    urn: str
    type: str
    diffs: tuple[str, ...] = ()
    detailed_diff: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def is_default_provider(self) -> bool:
        return self.type.startswith("pulumi:providers:") and self.name.startswith("default")


@dataclass(frozen=True)
class Diagnostic:
    """A message of the engine, a provider or the program.

    The severity is info, `info#err` (what a program wrote to stderr), warning or error.
    """

    severity: str
    message: str
    urn: str = ""


@dataclass(frozen=True)
class Result:
    """One finished operation.

    `steps` are what the engine began, in order; `failed` the URNs that it could not finish;
    `outputs` hold secrets in clear; `program_output` is what the program itself printed; `seconds`
    are those from the CLI's start to the engine's last event, NaN where it came to none. What the
    Automation API does before and after is not in them. `written` are the bytes that the engine
    and its plugins wrote to disk.
    """

    operation: str
    ok: bool
    stdout: str
    stderr: str
    steps: tuple[Step, ...]
    failed: tuple[str, ...]
    summary: Mapping[str, int]
    diagnostics: tuple[Diagnostic, ...]
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    program_output: str
    seconds: float
    written: int

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something. The engine counts no default provider either."""
        ours = (step for step in self.steps if not step.is_default_provider)
        return tuple(step for step in ours if step.op not in _STILL)

    @property
    def errors(self) -> tuple[str, ...]:
        """Each error once: what an inline program raises is reported by it and by its host."""
        found = (d.message.removeprefix(HOST) for d in self.diagnostics if d.severity == "error")
        return tuple(dict.fromkeys(found))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Without those that the testbed causes by giving the plugins on PATH."""
        found = (d.message for d in self.diagnostics if d.severity == "warning")
        return tuple(dict.fromkeys(w for w in found if not AMBIENT.search(w)))

    def check(self) -> Result:
        """Itself, or an AssertionError that shows what the engine said."""
        if not self.ok:
            raise AssertionError(
                f"`pulumi {self.operation}` failed:\n"
                f"{self.stdout}\n{self.stderr}\n{self.program_output}"
            )
        return self


def from_answer(operation: str, answer: Mapping[str, Any], program_output: str) -> Result:
    """A Result from what `run_operation.py` wrote."""
    return Result(
        operation=operation,
        ok=not answer["error"],
        stdout=answer["stdout"],
        stderr=answer["stderr"] or ("" if answer["stdout"] else answer["error"]),
        steps=tuple(_step(found) for found in answer["steps"]),
        failed=tuple(answer["failed"]),
        summary=dict(answer["summary"]),
        diagnostics=tuple(
            Diagnostic(d["severity"], plain(d["message"]), d["urn"]) for d in answer["diagnostics"]
        ),
        outputs={key: found["value"] for key, found in answer["outputs"].items()},
        secret_outputs=frozenset(k for k, found in answer["outputs"].items() if found["secret"]),
        program_output=program_output,
        seconds=answer["seconds"],
        written=answer["written"],
    )


def _step(found: Mapping[str, Any]) -> Step:
    return Step(
        op=found["op"],
        urn=found["urn"],
        type=found["type"],
        diffs=tuple(found["diffs"]),
        detailed_diff=dict(found["detailed_diff"]),
    )


def plain(message: str) -> str:
    """A message without the engine's colour tags, as `<{%fg 1%}>`."""
    return re.sub(r"<\{%.*?%\}>", "", message).rstrip("\n")
