"""Ends processes that the testbed started, and no others.

A process is known by its id together with something only ours can have: our child's descendants,
or a program run from our directory. Nothing is ever ended by its name: the machine may run
another's API server, and after a restart an id in a file may belong to anyone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")


class ProgramError(Exception):
    """A program that the testbed calls is not on PATH; the text names it."""


def program(name: str) -> str:
    """The absolute path of a program on PATH."""
    found = shutil.which(name)
    if found is None:
        raise ProgramError(f"{name} is needed and is not on PATH: install it")
    return found


def _table() -> Iterator[tuple[int, int]]:
    """Every live process with its parent; ended ones that nobody has waited for are left out."""
    if not (PROC / "self" / "stat").exists():
        yield from _table_by_ps()
        return
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name, in brackets, may hold anything; what counts follows it.
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if state not in "ZX":
                    yield int(entry.name), int(parent)


def _table_by_ps() -> Iterator[tuple[int, int]]:
    """For systems without /proc."""
    answer = subprocess.run(
        [program("ps"), "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    for line in answer.stdout.splitlines():
        pid, parent, state = line.split()
        if not state.startswith("Z"):
            yield int(pid), int(parent)


def descendants(pid: int) -> set[int]:
    """All processes below this one, whatever process groups they moved to."""
    parents = dict(_table())
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def running_from(directory: Path) -> dict[int, str]:
    """Live processes whose program was started by a path within the directory, with that path."""
    inside = f"{directory}{os.sep}"
    commands = ((pid, _started_as(pid)) for pid, _ in _table())
    return {pid: path for pid, path in commands if path.startswith(inside)}


def _started_as(pid: int) -> str:
    if PROC.is_dir():
        with contextlib.suppress(OSError):
            return (PROC / str(pid) / "cmdline").read_text(errors="replace").partition("\0")[0]
        return ""
    answer = subprocess.run(
        [program("ps"), "-ww", "-p", str(pid), "-o", "command="],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip().partition(" ")[0]


def alive(pids: Iterable[int]) -> set[int]:
    """Those that run."""
    return set(pids) & dict(_table()).keys()


@contextlib.contextmanager
def serving(module: str, *arguments: str) -> Iterator[None]:
    """A module of the testbed as a process of its own, for the length of a block.

    It prints a line when it is ready, and ends with its standard input, however this process ends.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise OSError(f"{module} does not serve {' '.join(arguments)}")
            yield
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()


def send(pids: Iterable[int], what: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, what)


def end(pids: Iterable[int], *, grace: float) -> None:
    """SIGTERM to each, SIGKILL to what is left after `grace` seconds; returns when all are gone."""
    left = alive(pids)
    send(left, signal.SIGTERM)
    kill(_wait(left, grace))


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each; returns when all are gone, which the kernel may take a moment for."""
    left = alive(pids)
    send(left, signal.SIGKILL)
    _wait(left, 10.0)


def _wait(pids: set[int], seconds: float) -> set[int]:
    stop = time.monotonic() + seconds
    left = alive(pids)
    while left and time.monotonic() < stop:
        time.sleep(0.05)
        left = alive(left)
    return left
