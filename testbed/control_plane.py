"""Starts and ends one control plane: etcd, API server, controllers and kwok, on loopback.

Everything that a control plane writes lies in one directory, and its programs are run from links
in that directory. That is how they are known again: what runs from there is ours and nothing else
is, whatever the machine was through in between. It knows nothing of nodes: `cluster.py` does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from testbed.kubectl import ClusterError
from testbed.node.lan import SERVER
from testbed.processes import end, running_from
from testbed.programs import ORDER, READY, Programs
from testbed.tools import ROOT, Tools

FILES = Path(__file__).with_name("plane")
NAME = "c"  # short: it is part of socket and file paths
SERVICES = "10.43.0.0/16"  # as K3s has it, and the next two
IN_CLUSTER = "10.43.0.1"
PODS = "10.42.0.0/16"
CLIENTS = ("kubectl", "Helm", "helm", "pulumi", "Go-http-client")
KEEPER = "keeper"  # of real nodes, if there are any: it ends before their cluster does
PROGRAMS = {
    "etcd": "etcd",
    "kubeApiserver": "kube-apiserver",
    "kubeControllerManager": "kube-controller-manager",
    "kubeScheduler": "kube-scheduler",
    "kwokController": "kwok",
}
PORTS = (
    "etcdPort",
    "etcdPeerPort",
    "kubeApiserverPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
)


@dataclass(frozen=True)
class ControlPlane(Programs):
    """One control plane and the directory that holds it.

    `durable`: etcd waits for the disk at each write, as on a user's cluster. Otherwise it does
    not: the data dies with the cluster, and waiting would serve nobody but a measurement.
    `real`: the server has an address on the LAN of real nodes and reaches their kubelets by it.
    `audited`: it keeps a log of each request.
    """

    durable: bool = False
    real: bool = False
    audited: bool = False

    @property
    def audit_log(self) -> Path:
        """An `Event` of audit.k8s.io/v1 a line."""
        return self.directory / "audit.log"

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """What the log has after its first `since` bytes, without a line that is being written."""
        with self.audit_log.open(encoding="utf-8") as log:
            log.seek(since)
            return [json.loads(line) for line in log if line.endswith("\n")]

    def requests(self) -> Counter[str]:
        """How many requests of each verb came from outside the control plane, if `audited`."""
        ours = (one for one in self.events() if one.get("userAgent", "").startswith(CLIENTS))
        return Counter(one["verb"] for one in ours)

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def egress(self) -> Path:
        """The socket by which the API server reaches kubelets, served by their LAN."""
        return self.directory / "egress"

    @property
    def running(self) -> bool:
        return self._programs.keys() >= {*ORDER}

    def start(self, tools: Tools) -> None:
        """Returns when the API server answers; ClusterError with the reason if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in ("policy", "egress"):
            file = self.directory / f"{name}.yaml"
            file.write_text(self._filled(name), encoding="utf-8")
        config = self.directory / "kwokctl.yaml"
        config.write_text(yaml.safe_dump(self._config(tools)), encoding="utf-8")
        command = [
            str(tools.path("kwokctl")),
            "create",
            "cluster",
            f"--name={NAME}",
            f"--config={config}",
            f"--kubeconfig={self.kubeconfig}",
            f"--wait={READY}s",
        ]
        try:
            self._run(command)
        except BaseException:
            self.stop()
            raise

    def _run(self, command: list[str]) -> None:
        # HOME: kwokctl and client libraries write caches there.
        home = {"KWOK_WORKDIR": str(self.directory / "kwok"), "HOME": str(self.directory)}
        process = subprocess.Popen(
            command,
            env={**os.environ, **home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C reaches us, and we end what was started in order
        )
        try:
            printed, _ = process.communicate(timeout=READY + 30)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.returncode != 0:
            tail = "\n  ".join(printed.splitlines()[-10:])
            raise ClusterError(f"the control plane did not start ({self.directory}):\n  {tail}")

    def _config(self, tools: Tools) -> dict[str, Any]:
        kinds = {"fast": not self.durable, "audited": self.audited, "real": self.real}
        whole: dict[str, Any] = yaml.safe_load(self._filled("kwokctl"))
        for kind in (name for name, wanted in kinds.items() if wanted):
            more = yaml.safe_load(self._filled(kind))
            whole["options"] |= more["options"]
            whole["componentsPatches"] += more["componentsPatches"]
        programs = {f"{key}Binary": str(tools.path(name)) for key, name in PROGRAMS.items()}
        whole["options"] |= programs | dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        return whole

    def _filled(self, name: str) -> str:
        """The text of one of the files of `plane/`, for this control plane."""
        return Template((FILES / f"{name}.yaml").read_text("utf-8")).substitute(
            directory=self.directory,
            in_cluster=IN_CLUSTER,
            pods=PODS,
            server=SERVER.ip,
            services=SERVICES,
        )

    def stop(self) -> None:
        """Ends the programs that run from the directory, then removes it."""
        for name in (KEEPER, *ORDER):
            ours = running_from(self.directory)
            grace = 15.0 if name == KEEPER else 3.0
            end([pid for pid, path in ours.items() if Path(path).name == name], grace=grace)
        end(running_from(self.directory), grace=0.0)
        shutil.rmtree(self.directory, ignore_errors=True)

    def guard(self) -> subprocess.Popen[bytes]:
        """A process that stops the control plane when this one is gone, however it went.

        It waits for the end of a pipe that only this process holds open, so it works for SIGKILL
        too. Close its stdin to let it go.
        """
        code = (
            "import pathlib, sys; sys.stdin.read(); "
            "from testbed.control_plane import ControlPlane; "
            f"ControlPlane(pathlib.Path({str(self.directory)!r})).stop()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _free_ports(count: int) -> list[int]:
    """Ports of this moment. All are held until the last is known, so that none comes twice."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(int(listener.getsockname()[1]))
    return ports
