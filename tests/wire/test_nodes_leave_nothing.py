"""What is left of real nodes when the process that made them is killed: nothing, or what the next
start removes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed.kubectl import Kubectl
from testbed.node import cgroups
from testbed.processes import alive, descendants
from testbed.tools import ROOT, Tools
from tests.wire.test_leaves_nothing import namespaces, of_this_machine

STAGES = ("cluster", "lan", "powered", "loaded", "ready", "pod")
HOLDER = """
import sys, time
from testbed.cluster import Cluster
from testbed.machines.images import PAUSE, POD, archive
from testbed.machines.lan import Lan
from testbed.machines.layout import Layout
from testbed.machines.node import Node
from testbed.tools import find_tools

def reached(stage):
    print(stage, flush=True)
    if stage == sys.argv[1]:
        time.sleep(120)

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


def groups() -> set[Path]:
    return {
        folder for one in cgroups.hierarchies() for folder in one.own.glob(f"{cgroups.PREFIX}*")
    }


@pytest.fixture
def before() -> tuple[object, set[Path]]:
    cgroups.remove_stale()
    return of_this_machine(), groups()


@pytest.mark.parametrize("stage", STAGES)
def test_the_next_start_finds_nothing_of_a_killed_run(
    stage: str, node_tools: Tools, before: tuple[object, set[Path]]
) -> None:
    assert node_tools
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, stage], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    directory = Path(holder.stdout.readline().strip())
    for line in holder.stdout:
        if line.strip() == stage:
            break
    ours = descendants(holder.pid)
    rooms = namespaces(ours)
    # The control: there is something to leave.
    assert directory.is_dir()
    assert bool(rooms) == (stage != "cluster")
    assert bool(groups() - before[1]) == (stage not in ("cluster", "lan"))
    holder.kill()
    holder.communicate(timeout=30)

    def gone() -> bool:
        cgroups.remove_stale()
        in_use = alive(ours) or namespaces(set(alive(ours)))
        return not in_use and not directory.exists() and (of_this_machine(), groups()) == before

    Kubectl.wait_for(gone, f"what was left at {stage} to go", 30)
