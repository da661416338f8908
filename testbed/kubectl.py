"""kubectl against one kubeconfig: what it printed, or one readable error."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class ClusterError(Exception):
    """A cluster did not start or answer; the text is for people."""


class Kubectl:
    """kubectl with a kubeconfig, and with a home of its own for its caches."""

    def __init__(self, program: Path, kubeconfig: Path, home: Path) -> None:
        self.program = program
        self.kubeconfig = kubeconfig
        self._home = home

    def try_kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002  subprocess' own name
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """As `kubectl`, for calls that may fail."""
        return subprocess.run(
            [str(self.program), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self._home)},
            input=input,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002  subprocess' own name
        timeout: float = 60.0,
    ) -> str:
        """What kubectl printed; ClusterError with its message if it failed."""
        answer = self.try_kubectl(*arguments, input=input, timeout=timeout)
        if answer.returncode != 0:
            said = answer.stderr.strip() or answer.stdout.strip()
            raise ClusterError(f"kubectl {' '.join(arguments)}: {said}")
        return answer.stdout

    def kubectl_json(self, *arguments: str) -> Any:
        return json.loads(self.kubectl(*arguments, "-o", "json"))

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects of a `get`."""
        found: list[dict[str, Any]] = self.kubectl_json("get", *arguments)["items"]
        return found

    def create(self, *objects: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Creates objects; they as the API server has them, in the same order."""
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        left = self.kubectl("create", "-f", "-", "-o", "json", input=everything)
        found: list[dict[str, Any]] = []
        while left:  # kubectl prints one document after another
            made, end = json.JSONDecoder().raw_decode(left)
            found.append(made)
            left = left[end:].lstrip()
        return found

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Applies objects, server-side."""
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "--server-side", "-f", "-", input=everything)

    @staticmethod
    def wait_for(
        done: Callable[[], bool], what: str, timeout: float = 60.0, *, every: float = 0.2
    ) -> None:
        """Polls until `done`; ClusterError, which names what was waited for, after `timeout` s."""
        stop = time.monotonic() + timeout
        while not done():
            if time.monotonic() > stop:
                raise ClusterError(f"waited {timeout:g} s in vain for {what}")
            time.sleep(every)


def condition(thing: Mapping[str, Any], kind: str) -> str:
    """The status of an object's condition; "Unknown" if it has none of that kind."""
    for found in thing.get("status", {}).get("conditions") or ():
        if found["type"] == kind:
            return str(found["status"])
    return "Unknown"
