"""Keeps real nodes for a cluster that stays when the program that started it has ended.

A process of its own, because a node ends with the process that holds it. It is run by a path in
the cluster's directory, as the control plane's programs are: who ends those ends it first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Final

from testbed.building import ToolError
from testbed.cluster import Cluster
from testbed.control_plane import KEEPER, ControlPlane
from testbed.kubectl import ClusterError
from testbed.node.dhcp import DhcpServer
from testbed.node.layout import Layout
from testbed.node.namespaces import SpaceError
from testbed.node.node import started
from testbed.tools import find_tools

READY: Final = "ready"
SERVER: Final = IPv4Interface("192.168.30.1/24")  # a DHCP server, with what it hands out
LEASES: Final = ("192.168.30.100", "192.168.30.199")


@dataclass(frozen=True)
class Wanted:
    """Which nodes: their names, images, wires, directories, and wires with a DHCP server."""

    names: Sequence[str]
    images: Sequence[str]
    masters: Sequence[str]
    layout: Layout
    dhcp: Sequence[str] = ()


def start(plane: ControlPlane, wanted: Wanted) -> None:
    """Returns when the nodes are Ready; ClusterError with the reason if they are not."""
    log, name = plane.directory / "keeper.log", plane.directory / KEEPER
    name.symlink_to(sys.executable)
    with log.open("w") as said:
        process = subprocess.Popen(
            [str(name), "-m", "testbed.node.keeper", str(plane.directory)],
            # By that name the interpreter would not find the virtual environment's packages.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asdict(wanted)))
    process.stdin.close()
    if process.stdout.readline().strip() != READY:
        process.wait()
        raise ClusterError(f"the nodes did not start: {log.read_text().strip()}")


def main() -> int:
    plane = ControlPlane(Path(sys.argv[1]), real=True)
    asked = json.load(sys.stdin)
    wanted = Wanted(**{**asked, "layout": Layout(**asked["layout"])})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    tools = find_tools("engine", "wire", "nodes")
    try:
        with ExitStack() as held:
            nodes = started(
                Cluster(tools, plane),
                tools,
                names=wanted.names,
                images=wanted.images,
                masters=wanted.masters,
                layout=lambda: wanted.layout,
            )
            lan = held.enter_context(nodes)[0].lan
            for wire in wanted.dhcp:
                lan.space.check("ip", "address", "add", str(SERVER), "dev", wire)
                held.enter_context(DhcpServer(lan.space.network, wire, SERVER, *LEASES))
            print(READY, flush=True)
            signal.pause()
    except (ClusterError, SpaceError, ToolError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
