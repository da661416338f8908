"""What needs no cluster: CPU seconds of the program and of the checker, each in a process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from benchmarks.measures import STACK, Pairs, Round
from testbed.tools import ROOT, Tools

# As the component does, which is what an empty program with the same SDKs would import, too.
SDKS: Final = """\
import pulumi
from pulumi_command import local
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
"""
CLUSTER: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
KUBECONFIG: Final = {
    "current-context": "a",
    "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    "users": [{"name": "a", "user": {}}],
}


def networks(count: int) -> list[dict[str, object]]:
    """So many Whereabouts networks, each on a VLAN and a range of its own."""
    return [
        {
            "name": f"lan-{at}",
            "type": "macvlan",
            "master": f"eth1.{at + 1}",
            "ipam": {"type": "whereabouts", "range": f"10.{100 + at // 250}.{at % 250}.0/24"},
        }
        for at in range(count)
    ]


def cpu(folder: Path, *arguments: str) -> float:
    """CPU seconds of a Python that is started in the folder; it has to succeed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PULUMI_"))}
    env |= {"PYTHONPATH": str(ROOT), "KUBECONFIG": str(folder / "kubeconfig")}
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=env, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


@contextmanager
def _folder(**config: object) -> Iterator[Path]:
    """A project with one stack, of whose modules bytecode is there, as after a first run."""
    with tempfile.TemporaryDirectory(prefix="multus-benchmark-") as name:
        folder = Path(name)
        (folder / "stacks").mkdir()
        (folder / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG), encoding="utf-8")
        (folder / "__main__.py").symlink_to(ROOT / "__main__.py")
        stack = {"config": {f"multus:{key}": value for key, value in config.items()}}
        (folder / "stacks" / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(stack))
        yield folder


@contextmanager
def program(_: Tools | None) -> Iterator[Round]:
    """The committed stacks' size: three networks. Nothing of a release is downloaded."""
    config = {"cluster": CLUSTER, "deploy": "networks", "networks": networks(3)}
    with _folder(**config) as folder:
        cpu(folder, "-m", "benchmarks.program", STACK)

        def run(_number: int) -> Pairs:
            ours = cpu(folder, "-m", "benchmarks.program", STACK)
            yield "program", ours, cpu(folder, "-c", SDKS)

        yield run


@contextmanager
def check(_: Tools | None) -> Iterator[Round]:
    with contextlib.ExitStack() as held:
        folders = {
            count: held.enter_context(
                _folder(cluster=CLUSTER, ipam="whereabouts", networks=networks(count))
            )
            for count in (1, 20, 200, 1000)
        }

        def one(count: int) -> float:
            return cpu(folders[count], "-m", "components.cli", "check")

        one(1)

        def run(_number: int) -> Pairs:
            least = one(1)
            for count in (20, 200, 1000):
                yield f"check-{count}", one(count), least

        yield run
