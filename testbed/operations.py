"""One operation of the engine while it runs: waiting for it, interrupting it, ending it.

The operation runs in a process group of its own (`run_operation.py` leads it), so that it can be
ended whole: the Python process, the CLI and the plugins, which the CLI puts into process
groups of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.processes import descendants, kill
from testbed.results import Result, from_answer

GRACE = 20.0  # seconds the engine has, once interrupted, to finish what it has begun


class OperationError(Exception):
    """An operation did not come to an end by itself; what the engine refuses is a Result."""


@dataclass(frozen=True)
class Running:
    """A begun operation."""

    operation: str
    process: subprocess.Popen[bytes]
    scratch: Path

    @classmethod
    def begin(
        cls, operation: str, request: Mapping[str, Any], directory: Path, env: Mapping[str, str]
    ) -> Running:
        scratch = Path(tempfile.mkdtemp(prefix="operation-", dir=env["HOME"]))
        (scratch / "request.json").write_text(json.dumps(request), encoding="utf-8")
        script = Path(__file__).with_name("run_operation.py")
        with (scratch / "printed").open("wb") as printed:
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(script),
                    str(scratch / "request.json"),
                    str(scratch / "answer.json"),
                ],
                cwd=directory,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(operation, process, scratch)

    def wait(self, timeout: float = 300.0) -> Result:
        """The Result, or OperationError if there is none within `timeout` seconds."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise OperationError(
                f"`pulumi {self.operation}` took more than {timeout:g} s and was ended. "
                f"It had printed:\n{self._answered('stdout')}{self.printed()}"
            ) from None
        except BaseException:
            self.stop()
            raise
        answer = self.scratch / "answer.json"
        if not answer.exists():
            raise OperationError(
                f"`pulumi {self.operation}` ended with {self.process.returncode} and no result:\n"
                f"{self.printed()}"
            )
        return from_answer(
            self.operation,
            json.loads(answer.read_text(encoding="utf-8")),
            self.printed(),
        )

    def _answered(self, key: str) -> str:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads((self.scratch / "answer.json").read_text())[key])
        return ""

    def printed(self) -> str:
        """What the program itself, not the CLI, has printed so far."""
        return (self.scratch / "printed").read_text(encoding="utf-8", errors="replace")

    def interrupt(self) -> None:
        """Ctrl-C as in a terminal: the engine starts no further step and reports."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """What a lost machine does: every process is gone at once, nothing is saved."""
        # Found before the first is ended: orphans cannot be told from others.
        everything = {self.process.pid, *descendants(self.process.pid)}
        kill(everything)
        self.process.wait()

    def stop(self) -> None:
        """Interrupts, and kills what has not ended after a time of grace."""
        self.interrupt()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
