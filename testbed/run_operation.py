"""Runs one operation of one stack through the Automation API, in a process of its own.

    python run_operation.py REQUEST.json ANSWER.json

A process for each operation, because that is how a user's program starts: with no module loaded
and nothing left over from the operation before. Run in the project's directory. It knows nothing
of the testbed's other modules, so that the project's own are the only ones on the import path.
"""

from __future__ import annotations

import json
import math
import resource
import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pulumi import automation


def program() -> None:
    """The project's program, as the language host runs it."""
    runpy.run_path("__main__.py", run_name="__main__")


def select(request: dict[str, Any]) -> automation.Stack:
    """The stack, made if need be; inline unless the CLI can run Python by itself."""
    options = automation.LocalWorkspaceOptions(work_dir=str(Path.cwd()))
    if request["inline"]:
        return automation.create_or_select_stack(
            request["stack"], project_name=request["project"], program=program, opts=options
        )
    return automation.create_or_select_stack(
        request["stack"], work_dir=str(Path.cwd()), opts=options
    )


def step(metadata: automation.StepEventMetadata) -> dict[str, Any]:
    return {
        "op": metadata.op.value,
        "urn": metadata.urn,
        "type": metadata.type,
        "diffs": metadata.diffs or [],
        "detailed_diff": {
            path: diff.diff_kind.value for path, diff in (metadata.detailed_diff or {}).items()
        },
    }


class Recorder:
    """Keeps of the engine's events what a test asks about."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.failed: list[str] = []
        self.diagnostics: list[dict[str, str]] = []
        self.summary: dict[str, int] = {}
        self.ended = math.nan

    def __call__(self, event: automation.EngineEvent) -> None:
        if event.resource_pre_event is not None:
            self.steps.append(step(event.resource_pre_event.metadata))
        if event.res_op_failed_event is not None:
            self.failed.append(event.res_op_failed_event.metadata.urn)
        found = event.diagnostic_event
        if found is not None and found.severity != "debug":
            self.diagnostics.append(
                {"severity": found.severity, "message": found.message, "urn": found.urn or ""}
            )
        if event.summary_event is not None:
            changes = event.summary_event.resource_changes
            self.summary = {str(getattr(op, "value", op)): n for op, n in changes.items()}
        if event.cancel_event is not None:  # the last one, also where nobody cancelled
            self.ended = time.monotonic()


def written() -> int:
    """Bytes that the programs which this process has started, and which have ended, wrote."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock * 512


def run(request: dict[str, Any]) -> dict[str, Any]:
    recorder = Recorder()
    stdout: list[str] = []
    stderr: list[str] = []
    error = ""
    outputs: dict[str, Any] = {}
    began, before = math.nan, 0
    try:
        stack = select(request)
        # It asks the CLI for the history after each operation, and nobody reads that here.
        setattr(stack, "info", lambda *_: {})  # noqa: B010  a method, to a type checker
        operation = getattr(stack, request["operation"])
        before = written()
        began = time.monotonic()
        result = operation(
            on_output=stdout.append,
            on_error=stderr.append,
            on_event=recorder,
            color="never",
            **request["options"],
        )
        found = getattr(result, "outputs", None) or {}
        outputs = {key: {"value": o.value, "secret": o.secret} for key, o in found.items()}
    except automation.CommandError as failure:
        error = str(failure)
    return {
        "error": error,
        "seconds": recorder.ended - began,
        "written": written() - before,
        "stdout": "\n".join(stdout),
        "stderr": "\n".join(stderr),
        "steps": recorder.steps,
        "failed": recorder.failed,
        "diagnostics": recorder.diagnostics,
        "summary": recorder.summary,
        "outputs": outputs,
    }


def main() -> None:
    request_file, answer_file = (Path(argument) for argument in sys.argv[1:3])
    # Ctrl-C is for the CLI, which then finishes what it has begun; this process stays to report.
    # A handler, unlike SIG_IGN, is not inherited by the CLI.
    signal.signal(signal.SIGINT, lambda *_: None)
    # As `python __main__.py` has it: the program's directory first, not this file's.
    sys.path[0] = str(Path.cwd())
    answer = run(json.loads(request_file.read_text(encoding="utf-8")))
    answer_file.write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
