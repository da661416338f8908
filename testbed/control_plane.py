"""Starts and ends one control plane: etcd, API server, controllers and kwok, on loopback.

Everything that a control plane writes lies in one directory, and its programs are run from links
in that directory. That is how they are known again: what runs from there is ours and nothing else
is, whatever the machine was through in between. It knows nothing of nodes: `cluster.py` does.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from testbed.kubectl import ClusterError
from testbed.node.lan import SERVER
from testbed.processes import PROC, end, kill, running_from
from testbed.tools import ROOT, Tools

NAME = "c"  # short: it is part of socket and file paths
SERVICES = "10.43.0.0/16"  # as K3s has it, and the next two
IN_CLUSTER = "10.43.0.1"
PODS = "10.42.0.0/16"
# kwok answers for the nodes that it is told of, and leaves real ones alone.
SIMULATED = {
    "manage-all-nodes": "false",
    "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
}
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}
CLIENTS = ("kubectl", "Helm", "helm", "pulumi", "Go-http-client")
READY = 120  # seconds; five are usual
# kwok ends first and etcd last, so that none of them writes errors about the others.
KEEPER = "keeper"  # of real nodes, if there are any: it ends before their cluster does
ORDER = ("kwok-controller", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
PORTS = (
    "etcdPort",
    "etcdPeerPort",
    "kubeApiserverPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
)


@dataclass(frozen=True)
class ControlPlane:
    """One control plane and the directory that holds it.

    `durable`: etcd waits for the disk at each write, as on a user's cluster. Otherwise it does
    not: the data dies with the cluster, and waiting would serve nobody but a measurement.
    `real`: the server has an address on the LAN of real nodes and reaches their kubelets by it.
    `audited`: it keeps a log of each request.
    """

    directory: Path
    durable: bool = False
    real: bool = False
    audited: bool = False

    @property
    def audit_log(self) -> Path:
        """An `Event` of audit.k8s.io/v1 a line."""
        return self.directory / "audit.log"

    def requests(self) -> Counter[str]:
        """How many requests of each verb came from outside the control plane, if `audited`."""
        events = map(json.loads, self.audit_log.read_text(encoding="utf-8").splitlines())
        ours = (one for one in events if one.get("userAgent", "").startswith(CLIENTS))
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

    @property
    def _programs(self) -> dict[str, int]:
        return {Path(path).name: pid for pid, path in running_from(self.directory).items()}

    def start(self, tools: Tools) -> None:
        """Returns when the API server answers; ClusterError with the reason if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
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

    def _config(self, tools: Tools) -> dict[str, object]:
        options: dict[str, object] = {
            "runtime": "binary",
            "bindAddress": "127.0.0.1",
            "enableCRDs": ["Stage", "ClusterLogs"],
            # Throttled clients would make the tests measure the throttle.
            "disableQPSLimits": True,
            "quietPull": True,
            "etcdBinary": str(tools.path("etcd")),
            "kubeApiserverBinary": str(tools.path("kube-apiserver")),
            "kubeControllerManagerBinary": str(tools.path("kube-controller-manager")),
            "kubeSchedulerBinary": str(tools.path("kube-scheduler")),
            "kwokControllerBinary": str(tools.path("kwok")),
            **dict(zip(PORTS, _free_ports(len(PORTS)), strict=True)),
        }
        patches = [
            _flags("kube-apiserver", **{"service-cluster-ip-range": SERVICES}),
            _flags("kwok-controller", **SIMULATED),
        ]
        if not self.durable:
            patches.append(_flags("etcd", **{"unsafe-no-fsync": "true"}))
        if self.audited:
            policy = self.directory / "audit.yaml"
            policy.write_text(yaml.safe_dump(AUDIT), encoding="utf-8")
            files = {"audit-policy-file": str(policy), "audit-log-path": str(self.audit_log)}
            patches.append(_flags("kube-apiserver", **files))
        if self.real:
            options["kubeApiserverCertSANs"] = [str(SERVER.ip), IN_CLUSTER]
            file = self.directory / "egress.yaml"
            file.write_text(yaml.safe_dump(_egress(self.egress)), encoding="utf-8")
            reaching = {
                "advertise-address": str(SERVER.ip),
                "allow-privileged": "true",
                "kubelet-preferred-address-types": "InternalIP",
                "egress-selector-config-file": str(file),
            }
            patches += [
                _flags("kube-apiserver", **reaching),
                _flags(
                    "kube-controller-manager",
                    **{"allocate-node-cidrs": "true", "cluster-cidr": PODS},
                ),
            ]
        return {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": options,
            "componentsPatches": patches,
        }

    def stop(self) -> None:
        """Ends the programs that run from the directory, then removes it."""
        for name in (KEEPER, *ORDER):
            ours = running_from(self.directory)
            grace = 15.0 if name == KEEPER else 3.0
            end([pid for pid, path in ours.items() if Path(path).name == name], grace=grace)
        end(running_from(self.directory), grace=0.0)
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """One program of the control plane does nothing for the length of a block."""
        pid = self._programs[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def rotate_service_account_key(self) -> None:
        """The API server starts anew with another key, and refuses every token of before.

        The key is the authority's: any private key will do. The controllers start anew too, as
        with K3s: they work with such tokens themselves.
        """
        [key] = self.directory.rglob("ca.key")
        flags = ("--service-account-key-file", "--service-account-signing-key-file")
        commands = self._killed("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        for command in commands:
            words = ((one.partition("=")[0], one) for one in command)
            self._again([f"{flag}={key}" if flag in flags else one for flag, one in words])

    @contextlib.contextmanager
    def away(self, served: Callable[[], object]) -> Iterator[None]:
        """The API server, and who lives by it, are gone for the length of a block: as K3s is.

        served: waits until the API server answers again. The others end where it only listens.
        """
        commands = self._killed(*reversed(ORDER[:-1]))
        try:
            yield
        finally:
            for command in commands:
                self._again(command)
                if command is commands[0]:
                    served()

    def _killed(self, *names: str) -> list[list[str]]:
        """Kills these programs; the commands that they ran as."""
        programs = self._programs
        texts = [(PROC / str(programs[name]) / "cmdline").read_text() for name in names]
        kill(programs[name] for name in names)
        return [text.removesuffix("\0").split("\0") for text in texts]

    def _again(self, command: list[str]) -> None:
        """Starts a program that ran before; returns when it listens.

        In the moment without it a connection of another program may have its port: once more then.
        """
        given = next(one for one in command if one.startswith(("--secure-port=", "--server-addr")))
        port = int(re.split("[=:]", given)[-1])
        log = next(self.directory.rglob(f"{Path(command[0]).name}.log"))
        stop, process = time.monotonic() + READY, None
        while time.monotonic() < stop:
            if process is None or process.poll() is not None:
                with log.open("ab") as out:
                    process = subprocess.Popen(
                        command, stdout=out, stderr=out, start_new_session=True
                    )
            time.sleep(0.2)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
        raise ClusterError(f"{command[0]} does not start again; see {log}")

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


def _flags(component: str, **flags: str) -> dict[str, object]:
    return {"name": component, "extraArgs": [{"key": k, "value": v} for k, v in flags.items()]}


def _egress(socket_file: Path) -> dict[str, object]:
    """By which way the API server calls kubelets, as it reads it."""
    way = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(socket_file)}}}
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": way}],
    }


def _free_ports(count: int) -> list[int]:
    """Ports of this moment. All are held until the last is known, so that none comes twice."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(int(listener.getsockname()[1]))
    return ports
