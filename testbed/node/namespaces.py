"""One machine's namespaces (network, mounts, processes, host name), and programs in them.

A `Space` lives in one process that reads from a pipe which only this process holds open. When the
pipe ends, however this process ended, that process ends; it is the first of its process namespace,
so the kernel kills all the others there, and with the last one the network and the mounts go.
Nothing is mounted, linked or written outside, so nothing can be left behind.

Its root is an empty tmpfs with the machine's own /usr, read-only: no other directory is shared.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed.processes import descendants, end, program

READY = "ready"
PROGRAMS = ("unshare", "nsenter", "ip", "mount", "pivot_root", "bash")

# Everything is mounted below /mnt, which becomes the root; `umount -l` then drops what was before.
# /run is shared so that a container can be told of network namespaces that come later.
ROOT = r"""
set -eu
name=$1; shift
mount -t tmpfs -o mode=755 root /mnt
cd /mnt
mkdir -p before usr proc dev etc run/netns tmp opt root mnt sys .container images var/lib
ln -s ../run var/run
chmod 1777 tmp
for one in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$one" ]; then ln -s "$(readlink "/$one")" "$one"
  elif [ -d "/$one" ]; then mkdir "$one"; mount --bind "/$one" "$one"; fi
done
mount --bind /usr usr
mount -o remount,bind,ro usr
for one in null zero random urandom; do : > "dev/$one"; mount --bind "/dev/$one" "dev/$one"; done
for one in ld.so.cache alternatives; do
  if [ -d "/etc/$one" ]; then
    mkdir "etc/$one"; mount --bind "/etc/$one" "etc/$one"; mount -o remount,bind,ro "etc/$one"
  elif [ -e "/etc/$one" ]; then cp "/etc/$one" etc/; fi
done
echo "$name" > etc/hostname
echo "127.0.0.1 localhost $name" > etc/hosts
while [ $# -gt 0 ]; do
  mkdir "images/$1"; mount --bind "$2" "images/$1"; mount -o remount,bind,ro "images/$1"; shift 2
done
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mkdir run/netns
mount --make-rshared run
hostname "$name"
ip link set lo up
pivot_root . before
exec chroot . sh -c 'umount -l /before; rmdir /before; cd /; echo ready; exec cat > /dev/null'
"""


class SpaceError(Exception):
    """Namespaces could not be made or used; the text is for people."""


def obstacle() -> str | None:
    """Why no machine can be simulated here, None if one can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
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
    """The namespaces of one machine. `images` are directories to show, by name, in /images."""

    def __init__(self, name: str, images: Mapping[str, Path] | None = None) -> None:
        self.name = name
        pairs = [text for one, path in (images or {}).items() for text in (one, str(path))]
        self._holder = subprocess.Popen(
            [
                program("unshare"),
                *("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child"),
                *("--propagation", "private", "--"),
                *("sh", "-c", ROOT, "sh", name, *pairs),
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, whatever that is.

        After `timeout` seconds it is killed; the program too, not only nsenter.
        """
        running = self.start(*arguments, env=env)
        try:
            stdout, stderr = running.communicate(input, timeout)
        except BaseException:
            kill(running)
            raise
        return subprocess.CompletedProcess(arguments, running.returncode, stdout, stderr)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Begins a program, with pipes for all it reads and prints."""
        return subprocess.Popen(
            self.command(*arguments),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def check(self, *arguments: str, timeout: float = 60.0) -> str:
        """What a program printed; SpaceError if it failed."""
        answer = self.run(*arguments, timeout=timeout)
        if answer.returncode != 0:
            said = answer.stderr.strip() or answer.stdout.strip()
            raise SpaceError(f"{self.name}: {' '.join(arguments)}: {said}")
        return answer.stdout


def kill(process: subprocess.Popen[str]) -> None:
    """Ends nsenter and what it runs, and closes the pipes."""
    end(descendants(process.pid), grace=0.0)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.communicate()
