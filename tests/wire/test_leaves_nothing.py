"""Nodes and pods go with the process that made them, however it ends and whenever.

Looked for by what only ours have: the namespaces of the processes below the one that is ended.
Other tests may make namespaces at the same time. Empty control groups are what the next start
removes.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.kubectl import Kubectl
from testbed.node import cgroups
from testbed.node.lan import Lan
from testbed.node.layout import Layout
from testbed.node.namespaces import Space
from testbed.node.node import Node, started
from testbed.processes import alive, descendants
from testbed.tools import ROOT, Tools

KINDS = ("net", "mnt", "pid", "uts")
SEEDED = random.Random(13)  # noqa: S311  nothing is kept secret by it
STAGES = ("cluster", "lan", "powered", "loaded", "ready", "pod")
HOLDER = """
import signal, sys, time
from testbed.cluster import Cluster
from testbed.node.images import PAUSE, POD, archive
from testbed.node.lan import Lan
from testbed.node.layout import Layout
from testbed.node.node import Node
from testbed.tools import find_tools

def reached(stage):
    print(stage, flush=True)
    if stage == sys.argv[1] and sys.argv[2] == "waits":
        sys.stdin.readline()
        raise RuntimeError("a failing test")

signal.signal(signal.SIGINT, signal.default_int_handler)
tools = find_tools("engine", "wire", "nodes")
cluster = Cluster.start(tools, real=True)
print(cluster.plane.directory, flush=True)
reached("cluster")
lan = Lan(int(cluster.server.rpartition(":")[2]), cluster.plane.egress)
reached("lan")
node = Node(cluster, tools, lan, "node-1", 1, Layout.k3s())
reached("powered")
node.load(archive([PAUSE, POD], tools))
reached("loaded")
node.join()
reached("ready")
node.pod().start()
reached("pod")
"""


def namespaces(pids: set[int]) -> set[str]:
    """The namespaces that processes are in, and this process is not."""
    found: set[str] = set()
    for pid in pids:
        for kind in KINDS:
            with contextlib.suppress(OSError):
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
    return found - {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS}


@contextlib.contextmanager
def kept(pids: set[int]) -> Iterator[None]:
    """Their namespaces stay for the length of a block, though no process may be in them any more.

    The kernel gives a namespace that is made the lowest number that is free, and other tests make
    some: theirs would be taken for what was left.
    """
    with contextlib.ExitStack() as held:
        for pid in pids:
            for kind in KINDS:
                with contextlib.suppress(OSError):
                    held.enter_context(Path(f"/proc/{pid}/ns/{kind}").open())
        yield


def in_use() -> set[str]:
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return namespaces(pids)


def of_this_machine() -> tuple[set[str], set[str]]:
    """The links of the machine's own network, and its mounts, without what tests mount nowhere."""
    links = {entry.name for entry in Path("/sys/class/net").iterdir()}
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return links, {line.split(" ", 5)[4] for line in lines}


def groups(maker: int) -> set[Path]:
    """The control groups of nodes that a process has made. Other runs have their own."""
    own = [one.own for one in cgroups.hierarchies()]
    return {folder for one in own for folder in one.glob(f"{cgroups.PREFIX}{maker}-*")}


@pytest.mark.parametrize(
    ("how", "stage", "later"),
    [("fail", "pod", 0.0), ("ctrl-c", "loaded", 0.0), ("terminated", "pod", 0.0)]
    + [("killed", stage, 0.0) for stage in STAGES]
    + [("killed", stage, SEEDED.uniform(0.01, 0.5)) for stage in STAGES[1:-1]],
)
def test_nothing_outlives_the_process_that_made_it(
    how: str, stage: str, later: float, tools: Tools
) -> None:
    """`later`: so many seconds after the stage, in the middle of what comes next."""
    assert tools  # which skips where no node can be had
    cgroups.remove_stale()
    before = of_this_machine()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, stage, "goes on" if later else "waits"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    directory = Path(holder.stdout.readline().strip())
    assert stage in (line.strip() for line in holder.stdout)
    if later:
        time.sleep(later)
        holder.send_signal(signal.SIGSTOP)
    assert of_this_machine() == before
    ours = descendants(holder.pid)
    rooms = namespaces(ours)
    # The control: there is something to leave.
    assert directory.is_dir()
    assert bool(rooms) == (stage != "cluster")
    assert rooms <= in_use()
    assert later or bool(groups(holder.pid)) == (stage not in ("cluster", "lan"))

    def gone() -> bool:
        cgroups.remove_stale()
        left = alive(ours) or rooms & in_use() or directory.exists()
        return not left and not groups(holder.pid) and of_this_machine() == before

    with kept(ours):
        end(holder, how)
        Kubectl.wait_for(gone, f"what was left at {stage} to go", 30)


def end(holder: subprocess.Popen[str], how: str) -> None:
    match how:
        case "fail":
            assert holder.stdin is not None
            holder.stdin.write("\n")
            holder.stdin.flush()
        case "ctrl-c":
            holder.send_signal(signal.SIGINT)
        case "terminated":
            holder.terminate()
        case _:
            holder.kill()
    holder.communicate(timeout=30)


def test_a_node_that_cannot_start_leaves_nothing(cluster: Cluster, tools: Tools) -> None:
    before = descendants(os.getpid())
    with Lan(1, cluster.plane.egress) as lan:
        with_lan = descendants(os.getpid())
        with pytest.raises(NotADirectoryError):
            # K3s's directory cannot be made: its parent is a file.
            Node(cluster, tools, lan, "node-1", 1, Layout.k3s(data="/usr/bin/env"))
        assert descendants(os.getpid()) == with_lan
    assert descendants(os.getpid()) <= before
    assert not [one for one in groups(os.getpid()) if one.name.endswith("-node-1")]


def test_the_machine_and_its_node_share_no_files_or_settings(tools: Tools) -> None:
    assert tools
    own = Path("/proc/sys/vm/overcommit_memory")
    before = own.read_text()
    with Space("machine", grouped=True) as machine:
        (machine.path("/tmp") / "here").write_text("x")  # noqa: S108 (the machine's own)
        assert not Path("/tmp/here").exists()  # noqa: S108
        refused = machine.run("touch", "/usr/bin/written")
        assert refused.returncode != 0
        assert "Read-only" in refused.stderr
        assert not machine.path("/root/.cache").exists()
        # What the kubelet would set.
        assert machine.check("cat", str(own)) == "1\n"
        machine.check("sh", "-c", f"echo 2 > {own}")
    assert own.read_text() == before


def test_stopping_the_nodes_stops_what_ran_on_them(cluster: Cluster, tools: Tools) -> None:
    before = descendants(os.getpid())
    with started(cluster, tools, names=["alone"]) as (node,):
        node.pod().start()
        assert len(descendants(os.getpid()) - before) > 5
    cluster.remove_nodes("alone")
    Kubectl.wait_for(lambda: descendants(os.getpid()) <= before, "their processes to end", 10)
    assert not [one for one in groups(os.getpid()) if one.name.endswith("-alone")]
