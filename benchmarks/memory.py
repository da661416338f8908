"""How much memory what this process has started holds at most, all of it together."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path
from typing import Final

from testbed.processes import descendants

EVERY: Final = 0.1  # seconds between two looks


class Peak:
    """For the length of a block: what runs before it is not counted.

    Proportional set sizes, in which pages that processes share count once.
    """

    def __enter__(self) -> Peak:
        self._bytes = 0
        self._before = descendants(os.getpid())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def mebibytes(self) -> float:
        return self._bytes / 2**20

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            found = descendants(os.getpid()) - self._before
            self._bytes = max(self._bytes, sum(map(held, found)))


def held(pid: int) -> int:
    """Bytes that a process holds; none if it has ended."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        if match := re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE):
            return int(match[1]) * 1024
    return 0
