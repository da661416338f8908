"""CNI's own reading of a configuration: libcni's and host-local's, in a process apart."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]


class Parser:
    """Asks about one configuration after the other."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def read(self, text: str) -> Json:
        """What they say to a network's `spec.config`: `error`, or name, cniVersion and plugins.

        A line is one configuration. In JSON no text holds a line's end, so a space is as good.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(text.replace("\n", " ") + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        assert isinstance(found, dict)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)
