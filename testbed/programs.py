"""The programs of a control plane that runs: one stands still, starts anew, or is away for a time.

They are known by the links in the control plane's directory that they were started from.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed.kubectl import ClusterError
from testbed.processes import PROC, kill, running_from

READY = 120  # seconds; five are usual
# kwok ends first and etcd last, so that none of them writes errors about the others.
ORDER = ("kwok-controller", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")


@dataclass(frozen=True)
class Programs:
    """Those that run from one directory."""

    directory: Path

    @property
    def _programs(self) -> dict[str, int]:
        return {Path(path).name: pid for pid, path in running_from(self.directory).items()}

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """One program of the control plane does nothing for the length of a block."""
        pid = self._programs[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def rotate_service_account_key(self) -> None:
        """The API server starts anew with another key, and refuses every token of before.

        The key is the authority's: any private key will do. The controllers start anew too, as
        with K3s: they work with such tokens themselves.
        """
        [key] = self.directory.rglob("ca.key")
        flags = ("--service-account-key-file", "--service-account-signing-key-file")
        commands = self._killed("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        for command in commands:
            words = ((one.partition("=")[0], one) for one in command)
            self._again([f"{flag}={key}" if flag in flags else one for flag, one in words])

    @contextlib.contextmanager
    def away(self, served: Callable[[], object]) -> Iterator[None]:
        """The API server, and who lives by it, are gone for the length of a block: as K3s is.

        served: waits until the API server answers again. The others end where it only listens.
        """
        commands = self._killed(*reversed(ORDER[:-1]))
        try:
            yield
        finally:
            for command in commands:
                self._again(command)
                if command is commands[0]:
                    served()

    def _killed(self, *names: str) -> list[list[str]]:
        """Kills these programs; the commands that they ran as."""
        programs = self._programs
        texts = [(PROC / str(programs[name]) / "cmdline").read_text() for name in names]
        kill(programs[name] for name in names)
        return [text.removesuffix("\0").split("\0") for text in texts]

    def _again(self, command: list[str]) -> None:
        """Starts a program that ran before; returns when it listens.

        In the moment without it a connection of another program may have its port: once more then.
        """
        given = next(one for one in command if one.startswith(("--secure-port=", "--server-addr")))
        port = int(re.split("[=:]", given)[-1])
        log = next(self.directory.rglob(f"{Path(command[0]).name}.log"))
        stop, process = time.monotonic() + READY, None
        while time.monotonic() < stop:
            if process is None or process.poll() is not None:
                with log.open("ab") as out:
                    process = subprocess.Popen(
                        command, stdout=out, stderr=out, start_new_session=True
                    )
            time.sleep(0.2)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
        raise ClusterError(f"{command[0]} does not start again; see {log}")
