"""One machine's namespaces (network, mounts, processes, host name, cgroups), and programs in them.

A `Space` lives in one process that reads from a pipe which only this process holds open. When the
pipe ends, however this process ended, that process ends; it is the first of its process namespace,
so the kernel kills all the others there, and with the last one the network and the mounts go.
Nothing is mounted or linked outside. What the kernel keeps is empty control groups (`cgroups.py`).

Its root is an empty tmpfs with the machine's own /usr, read-only: no other directory is shared.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final, Self

from testbed.node.cgroups import Groups
from testbed.processes import alive, descendants, end, program

READY = "ready"
REQUIRED = ("unshare", "nsenter", "setsid", "ip", "mount", "pivot_root", "bash")
PROGRAMS: Final = "/opt/programs"
PATH: Final = f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 15.0  # seconds for a daemon to begin or to end

# Everything is mounted below /mnt, which becomes the root; `umount -l` then drops what was before.
# /run is shared so that a container can be told of network namespaces that come later.
#
# The kubelet sets these values for the whole kernel. It finds them set, and the machine's stay.
#
# The first process is bash, because it waits for every process that loses its parent. It runs the
# lines that it reads, so what it starts is in the machine's control groups.
ROOT = r"""
set -eu
name=$1; shift
mount -t tmpfs -o mode=755 root /mnt
cd /mnt
mkdir -p before usr proc dev/pts dev/shm etc run/netns tmp opt/programs root mnt sys \
  images var/lib var/log
ln -s ../run var/run
chmod 1777 tmp
for one in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$one" ]; then ln -s "$(readlink "/$one")" "$one"
  elif [ -d "/$one" ]; then mkdir "$one"; mount --bind "/$one" "$one"; fi
done
mount --bind /usr usr
mount -o remount,bind,ro usr
for one in null zero full random urandom tty kmsg; do
  : > "dev/$one"; mount --bind "/dev/$one" "dev/$one"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for one in ld.so.cache alternatives protocols services; do
  if [ -d "/etc/$one" ]; then
    mkdir "etc/$one"; mount --bind "/etc/$one" "etc/$one"; mount -o remount,bind,ro "etc/$one"
  elif [ -e "/etc/$one" ]; then cp "/etc/$one" etc/; fi
done
echo "$name" > etc/hostname
echo "127.0.0.1 localhost $name" > etc/hosts
: > etc/resolv.conf
mount -t proc proc proc
for one in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  echo "${one#*=}" > tmp/value-${one##*/}
  mount --bind "tmp/value-${one##*/}" "proc/sys/${one%=*}"
done 2> /dev/null
mount -t tmpfs -o mode=755 run run
mkdir run/netns
while [ $# -gt 0 ]; do
  what=$1 from=$2 to=$3; shift 3
  case $what in
    cgroup) mkdir -p "$to"; mount -t cgroup -o "$from" cgroup "$to" ;;
    sysfs) mount -t sysfs "$from" "$to" ;;
    tmpfs) mount -t tmpfs -o mode=755 "$from" "$to" ;;
    file) : > "$to"; mount --bind "$from" "$to"; mount -o remount,bind,ro "$to" ;;
    read) mkdir -p "$to"; mount --bind "$from" "$to"; mount -o remount,bind,ro "$to" ;;
    write) mkdir -p "$to"; mount --bind "$from" "$to" ;;
  esac
done
hostname "$name"
ip link set lo up
pivot_root . before
exec chroot . bash -c '
  umount -l /before; rmdir /before; mount --make-rshared /; cd /; echo ready
  while IFS= read -r line; do eval "$line"; done'
"""


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
                *("sh", "-c", ROOT, "sh", name, *(text for mount in mounts for text in mount)),
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

    def end(self, name: str, what: signal.Signals = signal.SIGTERM) -> None:
        """Ends a daemon; returns when it is gone."""
        inside = self.path(f"/run/{name}.pid").read_text().strip()
        (pid,) = (one for one in descendants(self.pid) if _inside(one) == inside)
        os.kill(pid, what)
        self.await_(lambda: not alive([pid]), f"{name} to end on {what.name}")

    def await_(self, done: Callable[[], bool], what: str) -> None:
        """Polls until `done`; SpaceError when it takes too long."""
        stop = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > stop:
                raise SpaceError(f"{self.name}: waited in vain for {what}")
            time.sleep(0.05)

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

    def check(self, *arguments: str, timeout: float = 60.0) -> str:
        """What a program printed; SpaceError if it failed."""
        answer = self.run(*arguments, timeout=timeout)
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
