"""Runs one command as the official plugin does: same shell, environment, logs, errors.

Unlike the official plugin, which ends only the shell, cancelling ends the command's whole process
group: nothing that a test started may outlive it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

Log = Callable[[str], None]


class CommandError(Exception):
    """The command could not be started, or ended with a failure."""


@dataclass
class Runner:
    """Starts commands and knows those that run, so that they can be cancelled."""

    _groups: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cancelled: bool = False

    def run(
        self, command: str, inputs: Mapping[str, Any], previous: tuple[str, str], log: Log
    ) -> tuple[str, str]:
        """Stdout and stderr without their last newline. `previous` are those of the last run."""
        stdin = inputs.get("stdin") or None
        process = self._start(command, inputs, previous, piped=stdin is not None)
        logging = inputs.get("logging") or "stdoutAndStderr"
        both: list[str] = []
        out: list[str] = []
        err: list[str] = []
        readers = [
            _read(process.stdout, out, both, log if logging in _OUT else None),
            _read(process.stderr, err, both, log if logging in _ERR else None),
        ]
        if stdin is not None and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(stdin)
        for reader in readers:
            reader.join()
        code = process.wait()
        with self._lock:
            self._groups.discard(process.pid)
        if code != 0:
            raise CommandError(f"{_ended(code)}: running {quoted(command)}:\n{''.join(both)}")
        return "".join(out).removesuffix("\n"), "".join(err).removesuffix("\n")

    def cancel(self) -> None:
        """Ends every running command; commands that are asked for later are refused."""
        with self._lock:
            self._cancelled = True
            for group in self._groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)

    def _start(
        self,
        command: str,
        inputs: Mapping[str, Any],
        previous: tuple[str, str],
        *,
        piped: bool,
    ) -> subprocess.Popen[str]:
        with self._lock:
            if self._cancelled:
                raise CommandError(f"context canceled: running {quoted(command)}:\n")
            try:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", command],
                    env=_environment(inputs, previous),
                    stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                text = f"fork/exec /bin/sh: {reason}: running {quoted(command)}:\n"
                raise CommandError(text) from None
            self._groups.add(process.pid)
            return process


_OUT = ("stdout", "stdoutAndStderr")
_ERR = ("stderr", "stdoutAndStderr")


def _read(
    stream: IO[str] | None, lines: list[str], both: list[str], log: Log | None
) -> threading.Thread:
    def follow() -> None:
        assert stream is not None
        for line in stream:
            lines.append(line)
            both.append(line)
            if log is not None:
                log(line.rstrip("\r\n"))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def _environment(inputs: Mapping[str, Any], previous: tuple[str, str]) -> dict[str, str]:
    names = ("PULUMI_COMMAND_STDOUT", "PULUMI_COMMAND_STDERR")
    last = {name: text for name, text in zip(names, previous, strict=True) if text}
    return {**os.environ, **(inputs.get("environment") or {}), **last}


def _ended(code: int) -> str:
    """How a process ended, in the words of Go's os/exec."""
    if code > 0:
        return f"exit status {code}"
    words = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated", signal.SIGINT: "interrupt"}
    number = signal.Signals(-code)
    return f"signal: {words.get(number, number.name.removeprefix('SIG').lower())}"


_ESCAPES = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}


def quoted(text: str) -> str:
    """A text as Go's %q prints it."""

    def escape(found: re.Match[str]) -> str:
        character = found.group(0)
        if character in '"\\':
            return f"\\{character}"
        return f"\\{_ESCAPES.get(character) or f'x{ord(character):02x}'}"

    return '"' + re.sub(r'["\\\x00-\x1f\x7f]', escape, text) + '"'
