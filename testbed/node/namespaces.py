"""One machine's namespaces (network, mounts, processes, host name, cgroups), and programs in them.

A `Space` lives in one process that reads from a pipe which only this process holds open. When the
pipe ends, however this process ended, that process ends; it is the first of its process namespace,
so the kernel kills all the others there, and with the last one the network and the mounts go.
Nothing is mounted or linked outside. What the kernel keeps is empty control groups (`cgroups.py`).

Its root is an empty tmpfs with the machine's own /usr, read-only: no other directory is shared.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, Self

from testbed.node.cgroups import Groups
from testbed.processes import descendants, end, program

READY = "ready"
REQUIRED = ("unshare", "nsenter", "setsid", "ip", "mount", "pivot_root", "bash")
PROGRAMS: Final = "/opt/programs"
PATH: Final = f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 15.0  # seconds for a daemon to end

SCRIPTS: Final = Path(__file__).with_name("scripts")


class SpaceError(Exception):
    """Namespaces could not be made or used; the text is for people."""


def obstacle(*more: str) -> str | None:
    """Why no machine can be simulated here, None if one can. `more` are programs that it needs."""
    missing = [name for name in (*REQUIRED, *more) if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found on PATH"
    answer = subprocess.run(
        [program("unshare"), "--net", "--mount", "--uts", "--pid", "--fork", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if answer.returncode == 0 else f"no namespaces: {answer.stderr.strip()}"


class Space:
    """The namespaces of one machine.

    `images` are directories to show, by name, in /images; `programs` files to show in
    /opt/programs; `disks` directories that the machine writes to, by their place on it. With
    `grouped` it has control groups of its own.
    """

    def __init__(
        self,
        name: str,
        images: Mapping[str, Path] | None = None,
        *,
        programs: Mapping[str, Path] | None = None,
        disks: Mapping[str, Path] | None = None,
        grouped: bool = False,
    ) -> None:
        self.name = name
        self.groups = Groups.make(name) if grouped else Groups()
        mounts = [
            *self.groups.mounts(),
            *(("read", str(path), f"images/{one}") for one, path in (images or {}).items()),
            *(("file", str(path), f".{PROGRAMS}/{one}") for one, path in (programs or {}).items()),
            *(("write", str(path), f".{place}") for place, path in (disks or {}).items()),
        ]
        self._holder = subprocess.Popen(
            [
                *self.groups.enter(),
                program("unshare"),
                *("--net", "--mount", "--uts", "--pid", "--ipc", "--fork", "--kill-child"),
                *(["--cgroup"] if grouped else []),
                *("--propagation", "private", "--"),
                *(
                    "sh",
                    str(SCRIPTS / "machine.sh"),
                    name,
                    *(text for mount in mounts for text in mount),
                ),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C reaches us, and we end what we started
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline().strip() != READY:
            _, said = self._holder.communicate()
            self.groups.remove()
            raise SpaceError(f"cannot make the namespaces of {name}: {said.strip()}")
        # The one child: unshare itself stays outside of the new process namespace.
        (self.pid,) = descendants(self._holder.pid)

    def close(self) -> None:
        """Ends every program inside; returns when the namespaces are empty."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        self._holder.stdin.close()
        try:
            self._holder.wait(10)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        self._holder.stdout.close()
        self._holder.stderr.close()
        self.groups.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return self._holder.poll() is None

    @property
    def network(self) -> Path:
        """The network namespace, for `within`."""
        return Path(f"/proc/{self.pid}/ns/net")

    def path(self, inside: str) -> Path:
        """A file of the machine, as this process reaches it."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def command(self, *arguments: str) -> list[str]:
        """The command that runs these arguments on the machine."""
        enter = (program("nsenter"), f"--target={self.pid}", "--net", "--mount", "--uts", "--pid")
        return [*enter, "--", *arguments]

    def daemon(self, name: str, *command: str, env: Mapping[str, str] | None = None) -> None:
        """Begins a program that goes on by itself; what it prints is in /var/log/NAME."""
        assert self._holder.stdin is not None
        variables = [f"{key}={value}" for key, value in {"PATH": PATH, **(env or {})}.items()]
        run = shlex.join(["env", "-i", *variables, "setsid", *command])
        self._holder.stdin.write(
            f"{run} < /dev/null >> /var/log/{name} 2>&1 & echo $! > /run/{name}.pid\n"
        )
        self._holder.stdin.flush()

    def end(self, name: str) -> None:
        """Ends a daemon, by force if it must be; returns when it is gone."""
        inside = self.path(f"/run/{name}.pid").read_text().strip()
        (pid,) = (one for one in descendants(self.pid) if _inside(one) == inside)
        end([pid], grace=PATIENCE)

    def plug(self, port: str, other: Space, interface: str, mtu: int) -> None:
        """A cable: an interface here and one on the other machine."""
        # By network alone: the kernel then reads the process id as one of ours.
        enter = (program("nsenter"), f"--net={self.network}", program("ip"), "link", "add")
        here = (port, "mtu", str(mtu), "type", "veth")
        there = ("peer", "name", interface, "mtu", str(mtu), "netns", str(other.pid))
        subprocess.run([*enter, *here, *there], check=True, capture_output=True, text=True)

    def run(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002  subprocess' own name
        stdin: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, whatever that is.

        After `timeout` seconds it is killed; the program too, not only nsenter.
        """
        running = self.start(*arguments, stdin=stdin, env=env)
        try:
            stdout, stderr = running.communicate(input, timeout)
        except BaseException:
            kill(running)
            raise
        return subprocess.CompletedProcess(arguments, running.returncode, stdout, stderr)

    def start(
        self,
        *arguments: str,
        stdin: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Begins a program, with pipes for all it reads and prints."""
        return subprocess.Popen(
            self.command(*arguments),
            env={"PATH": PATH, **(env or {})},
            stdin=stdin or subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def check(self, *arguments: str) -> str:
        """What a program printed; SpaceError if it failed."""
        answer = self.run(*arguments)
        if answer.returncode != 0:
            said = answer.stderr.strip() or answer.stdout.strip()
            raise SpaceError(f"{self.name}: {' '.join(arguments)}: {said}")
        return answer.stdout


def _inside(pid: int) -> str:
    """The number of a process on its machine; one in a pod has a third, which another may have."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[2]
    return ""


def kill(process: subprocess.Popen[str]) -> None:
    """Ends nsenter and what it runs, and closes the pipes."""
    end(descendants(process.pid), grace=0.0)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.communicate()
