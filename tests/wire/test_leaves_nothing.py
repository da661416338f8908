"""Nodes, wires and pods go with the process that made them, however it ends.

Looked for by what only ours have: the namespaces of the processes below the one that is ended.
Other tests may make namespaces at the same time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.node.node import Node
from testbed.node.wire import Wires
from testbed.processes import alive, descendants
from testbed.tools import ROOT, Tools
from tests.wire.deployed import Deployed

KINDS = ("net", "mnt", "pid", "uts")
HOLDER = """
import signal, sys, time
from pathlib import Path
from testbed.node.namespaces import Space
from testbed.node import forwarder
from testbed.node.wire import Wires
signal.signal(signal.SIGINT, signal.default_int_handler)
with Wires() as wires, Space("machine", {}) as machine:
    wires.connect(machine)
    forwarding = forwarder.start(machine.network, 6443, 1)
    machine.path("/run/netns/pod").touch()
    machine.check("unshare", "--net=/run/netns/pod", "true")
    daemon = machine.start("sleep", "600")
    try:
        print("made", flush=True)
        if sys.argv[1] == "fail":
            sys.stdin.readline()
            raise RuntimeError("a failing test")
        time.sleep(120)
    finally:
        forwarder.stop(forwarding)
"""


def namespaces(pids: set[int]) -> set[str]:
    """The namespaces that processes are in, and this process is not."""
    found: set[str] = set()
    for pid in pids:
        for kind in KINDS:
            with contextlib.suppress(OSError):
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
    return found - {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS}


def in_use() -> set[str]:
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return namespaces(pids)


def of_this_machine() -> tuple[set[str], set[str]]:
    """The links of the machine's own network, and its mounts, without what tests mount nowhere."""
    links = {entry.name for entry in Path("/sys/class/net").iterdir()}
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return links, {line.split(" ", 5)[4] for line in lines}


@pytest.mark.parametrize("how", ["fail", "ctrl-c", "terminated", "killed"])
def test_nothing_outlives_the_process_that_made_it(how: str, tools: Tools) -> None:
    assert tools  # which skips where no node can be had
    before = of_this_machine()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, how],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "made\n"
    assert of_this_machine() == before
    ours = descendants(holder.pid)
    rooms = namespaces(ours)
    # The control: wires and machine, each with four namespaces of its own, are found.
    assert len(rooms) >= 2 * len(KINDS)
    assert rooms <= in_use()
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
    stop = time.monotonic() + 10
    while (alive(ours) or rooms & in_use()) and time.monotonic() < stop:
        time.sleep(0.05)
    assert alive(ours) == set()
    assert rooms & in_use() == set()
    assert of_this_machine() == before


def test_a_node_that_cannot_start_leaves_nothing(cluster: Cluster, tools: Tools) -> None:
    before = descendants(os.getpid())
    with Wires() as wires:
        with_wires = descendants(os.getpid())
        with pytest.raises(NotADirectoryError):
            # K3s's directory cannot be made: its parent is a file.
            Node(cluster, tools, wires, "node-1", data="/usr/bin/env")
        assert descendants(os.getpid()) == with_wires
    assert descendants(os.getpid()) == before


def test_the_machine_and_its_node_share_no_files(cluster: Cluster, tools: Tools) -> None:
    with Wires() as wires, Node(cluster, tools, wires, "node-1") as node:
        (node.space.path("/tmp") / "here").write_text("x")  # noqa: S108 (the node's own)
        assert not Path("/tmp/here").exists()  # noqa: S108
        refused = node.space.run("touch", "/usr/bin/written")
        assert refused.returncode != 0
        assert "Read-only" in refused.stderr
        assert not node.space.path("/root/.cache").exists()


def test_stopping_the_nodes_stops_what_ran_on_them(deployed: object, cluster: Cluster) -> None:
    assert callable(deployed)
    stack: Deployed = deployed(ipam="host-local")
    first = descendants(os.getpid())
    stack.start_nodes()
    assert len(descendants(os.getpid()) - first) > 5
    stack.stop_nodes()
    soon = time.monotonic() + 10  # what was ended is gone once it is reaped
    while descendants(os.getpid()) - first and time.monotonic() < soon:
        time.sleep(0.1)
    assert descendants(os.getpid()) <= first
    assert cluster.items("nodes")
