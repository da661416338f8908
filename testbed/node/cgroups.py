"""The control groups (version 1) of one machine: made before it starts, removed after its end.

The kernel removes namespaces with their last process, but leaves empty groups. Each is named after
the process that made it, so that a later run can tell whose are left over.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from testbed.processes import alive

PREFIX: Final = "multus-testbed-"
NEEDED: Final = frozenset({"cpu", "cpuset", "devices", "memory", "pids"})
EMPTY = 10.0  # seconds in which ended processes leave their groups
INHERITED: Final = ("cpuset.cpus", "cpuset.mems")  # a new group has none, and takes no process


@dataclass(frozen=True)
class Hierarchy:
    """A hierarchy that is mounted: where, its options for `mount`, and where this process is."""

    place: Path
    option: str
    own: Path


def hierarchies() -> list[Hierarchy]:
    """All that are mounted here."""
    own: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    found: list[Hierarchy] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        place = Path(mount.split()[4])
        if kind != "cgroup" or any(place == one.place for one in found):
            continue
        wanted = set(options.split(","))
        for controllers, path in own.items():
            if controllers and set(controllers.split(",")) <= wanted:
                found.append(Hierarchy(place, controllers, place / path.lstrip("/")))
    return found


def obstacle() -> str | None:
    """Why no machine can have groups of its own here, None if one can."""
    there = {name for one in hierarchies() for name in one.option.split(",")}
    missing = sorted(NEEDED - there)
    return f"no control groups of version 1 for {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Groups:
    """The groups of one machine, one in each hierarchy."""

    made: tuple[tuple[Hierarchy, Path], ...] = ()

    @classmethod
    def make(cls, name: str) -> Self:
        made = []
        for one in hierarchies():
            folder = one.own / f"{PREFIX}{os.getpid()}-{name}"
            folder.mkdir()
            for file in INHERITED:
                if (folder / file).exists():
                    (folder / file).write_text((folder.parent / file).read_text())
            made.append((one, folder))
        return cls(tuple(made))

    def enter(self) -> list[str]:
        """The beginning of a command that runs the rest of it in the groups."""
        if not self.made:
            return []
        script = (
            'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"'
        )
        return ["sh", "-euc", script, "sh", *(str(folder) for _, folder in self.made), "--"]

    def mounts(self) -> Iterator[tuple[str, str, str]]:
        """What to mount on the machine: kind, source and place below its root."""
        if self.made:
            yield "sysfs", "sysfs", "sys"
            yield "tmpfs", "cgroup", "sys/fs/cgroup"
        for one, _ in self.made:
            yield "cgroup", one.option, f"sys/fs/cgroup/{one.place.name}"

    def processes(self, below: str) -> list[int]:
        """The processes of a group below, as this machine counts them, the first one first."""
        folder = next(folder for one, folder in self.made if one.option == "pids")
        return sorted(int(line) for line in (folder / below / "cgroup.procs").read_text().split())

    def remove(self) -> None:
        for _, folder in self.made:
            _remove(folder)


def remove_stale() -> None:
    """Removes what processes have left that are gone."""
    for one in hierarchies():
        for folder in one.own.glob(f"{PREFIX}*"):
            pid = folder.name.removeprefix(PREFIX).partition("-")[0]
            if not alive([int(pid)]):
                _remove(folder)


def _remove(folder: Path) -> None:
    """Deepest first, since a group with groups below it cannot be removed."""
    stop = time.monotonic() + EMPTY
    while folder.exists() and time.monotonic() < stop:
        for below, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):
                Path(below).rmdir()
        if folder.exists():
            time.sleep(0.05)
