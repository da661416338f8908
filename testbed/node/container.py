"""Runs a container of a pod on a simulated machine, from the pod's own specification.

What decides whether a DaemonSet works is taken literally: command, arguments, environment, every
mount with its propagation, the service account's files. Only the image is not the real one: it is
a table of the same programs at the same places. What the table or this runtime does not know is
an error; nothing is passed over.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from testbed.node.namespaces import Space, kill
from testbed.processes import descendants, send

IMAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "hardened-multus-cni": {
        "/thin_entrypoint": "multus/thin_entrypoint",
        "/usr/src/multus-cni/bin/multus": "multus/multus",
    },
    "hardened-cni-plugins": {
        "/opt/cni/bin": "cni-plugins",
        "/install-cnis.sh": "scripts/install-cnis.sh",
    },
    "hardened-whereabouts": {
        "/whereabouts": "whereabouts/whereabouts",
        "/ip-control-loop": "whereabouts/controlloop",
        "/ip-reconciler": "whereabouts/reconciler",
        "/install-cni.sh": "scripts/install-cni.sh",
        "/token-watcher.sh": "scripts/token-watcher.sh",
    },
    "mirrored-library-busybox": {},
}
# What an image runs where the pod names no command.
DEFAULTS: Final[Mapping[str, Sequence[str]]] = {"hardened-cni-plugins": ["/install-cnis.sh"]}
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"

# In a mount namespace of its own, below /.container, which no pod mounts. bash is `sh` as in the
# images; Debian's sh is not.
BASE: Final = r"""
set -eu
mount -t tmpfs -o mode=755 container /.container
cd /.container
mkdir -p usr proc dev etc tmp root bin run var
mount --rbind /usr usr
mount -t tmpfs -o mode=755 src usr/src
for one in sbin lib lib32 lib64 libx32; do
  if [ -L "/$one" ]; then ln -s "$(readlink "/$one")" "$one"
  elif [ -d "/$one" ]; then mkdir "$one"; mount --rbind "/$one" "$one"; fi
done
ln -s "$(command -v bash)" bin/sh
mount --rbind /proc proc
mount --rbind /dev dev
mount --rbind /etc etc
"""
PROPAGATION: Final = {None: "rprivate", "None": "rprivate", "HostToContainer": "rslave"}


class ContainerError(Exception):
    """A container cannot be run, or an init container failed; the text is for people."""


@dataclass(frozen=True)
class Mount:
    """A directory or file of the machine in the container."""

    source: str
    target: str
    propagation: str = "rprivate"
    read_only: bool = False

    def script(self, space: Space) -> list[str]:
        there = space.path(self.source)
        if not there.exists():
            there.mkdir(parents=True)  # as the container runtime does for a hostPath
        target = shlex.quote(f"./{self.target.lstrip('/')}")
        make = f"mkdir -p {target}"
        if there.is_file():
            make = f"mkdir -p $(dirname {target}); : > {target}"
        lines = [
            make,
            f"mount --rbind {shlex.quote(self.source)} {target}",
            f"mount --make-{self.propagation} {target}",
        ]
        return [*lines, *([f"mount -o remount,bind,ro {target}"] if self.read_only else [])]


@dataclass
class Container:
    """A container as it is to run, and the process when it runs."""

    space: Space
    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[Mount]
    output: list[str] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None

    def start(self) -> None:
        """Begins it; what it prints is collected in `output`."""
        self.output.clear()
        process = self.space.start(
            "unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", self._script()
        )
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        self._process = process
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            self.output.extend(line.rstrip("\n") for line in stream)

    def _script(self) -> str:
        image = [
            Mount(f"/images/{source}", target) for target, source in IMAGES[self.image].items()
        ]
        # Outer mounts first, as the kubelet sorts them.
        mounts = sorted(self.mounts, key=lambda mount: mount.target.count("/"))
        lines = [line for mount in (*image, *mounts) for line in mount.script(self.space)]
        variables = [f"{key}={value}" for key, value in self.environment.items()]
        run = ["exec", "chroot", "/.container", "env", "-i", *variables, *self.command]
        return "\n".join((BASE, *lines, "exec 2>&1", shlex.join(run)))

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return "\n".join(self.output)

    def run(self, timeout: float = 60.0) -> None:
        """Runs it to its end; ContainerError if that is not a good one."""
        self.start()
        code = self.wait(timeout)
        if code != 0:
            raise ContainerError(f"{self.space.name}: container {self.name}: {code}: {self.log}")

    def wait(self, timeout: float = 60.0) -> int:
        """Its exit code when it has ended."""
        assert self._process is not None
        assert self._reader is not None
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            kill(self._process)
            raise
        self._reader.join(timeout)
        said = self._process.stderr
        if said is not None and not said.closed:
            self.output.extend(said.read().splitlines())
            said.close()
        return code

    def stop(self, grace: float = 10.0) -> None:
        """As the kubelet ends a container: SIGTERM, then SIGKILL."""
        self._end(signal.SIGTERM, grace)

    def kill(self) -> None:
        """As a crash or the kernel's memory killer ends it."""
        self._end(signal.SIGKILL, 10.0)

    def _end(self, what: signal.Signals, grace: float) -> None:
        if self._process is None or not self.running:
            return
        send(self.processes(), what)
        try:
            self.wait(grace)
        except subprocess.TimeoutExpired as error:
            if what is not signal.SIGKILL:
                raise ContainerError(f"{self.name} did not end on {what.name}") from error

    def processes(self) -> set[int]:
        """Of the container itself; nsenter waits outside."""
        assert self._process is not None
        return descendants(self._process.pid)


def image_name(reference: str) -> str:
    """The name without registry and tag."""
    return reference.rpartition("/")[2].partition(":")[0].partition("@")[0]


def command(spec: Mapping[str, Any], image: str) -> list[str]:
    """What the container runs: the image's own where the pod names none."""
    given = spec.get("command") or DEFAULTS.get(image)
    if given is None:
        raise ContainerError(f"image {image} has no command of its own that is known here")
    return [*given, *spec.get("args", ())]
