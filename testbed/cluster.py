"""A real Kubernetes control plane with simulated nodes, on loopback, for as long as it is needed.

In a test, `with Cluster.start(tools) as cluster:`; it ends with the block, with Ctrl-C, and when
the process dies in any other way. One in a directory of the caller's stays until it is stopped. No
container runs in it: nodes and pods say that they are ready because kwok says so. Its data does not
survive it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from testbed.control_plane import ControlPlane
from testbed.holding import Hold
from testbed.kubectl import Kubectl, condition
from testbed.leftovers import Leftovers
from testbed.nodes import K3S, NOT_READY, node
from testbed.tools import Tools

TEMPORARY = "multus-testbed-cluster-"
STAGES = Path(__file__).with_name("stages.yaml")
ABSENT_KUBELETS = "pods-of-not-ready-nodes"
NOTICED = 0.5  # seconds in which kwok has surely seen a changed Stage; it takes some milliseconds


class Cluster(Kubectl, AbstractContextManager["Cluster"]):
    """One running cluster."""

    def __init__(self, tools: Tools, plane: ControlPlane) -> None:
        super().__init__(tools.path("kubectl"), plane.kubeconfig, plane.directory)
        self.plane = plane
        self._guard: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._not_ready: set[str] = set()

    @classmethod
    def start(cls, tools: Tools, directory: Path | None = None, **kind: bool) -> Cluster:
        """A cluster without nodes; about five seconds.

        In a temporary directory, and then it ends with this process, or in `directory`, and then
        it stays. `kind` is `durable`, `real` or `audited`: see ControlPlane.
        """
        # Resolved: its programs are known again by the path that they were started with.
        folder = directory or Path(tempfile.mkdtemp(prefix=TEMPORARY)).resolve()
        plane = ControlPlane(folder, **kind)
        cluster = cls(tools, plane)
        if directory is None:
            cluster._guard = plane.guard()
        try:
            plane.start(tools)
            # Certificates inside: a kubeconfig can then be copied and read from anywhere.
            flat = cluster.kubectl("config", "view", "--raw", "--flatten")
            cluster.kubeconfig.write_text(flat, encoding="utf-8")
            cluster.kubectl("apply", "-f", str(STAGES))
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def stop(self) -> None:
        self.plane.stop()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def away(self) -> AbstractContextManager[None]:
        """The API server, and who lives by it, are gone for the length of a block.

        What held the nodes' leases is then another kwok, which would wait until they end.
        """

        def served() -> None:
            ready = ("get", "--raw", "/readyz")
            self.wait_for(lambda: self.try_kubectl(*ready).returncode == 0, "the API server")
            self.kubectl("delete", "leases", "--all", "--namespace=kube-node-lease")

        return self.plane.away(served)

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def server(self) -> str:
        """The API server's address."""
        path = "jsonpath={.clusters[0].cluster.server}"
        return self.kubectl("config", "view", "--minify", "-o", path)

    def namespace(self) -> str:
        """A fresh namespace."""
        name = f"test-{next(self._numbers)}-{os.getpid()}"
        self.kubectl("create", "namespace", name)
        return name

    def leftovers(self) -> Leftovers:
        """What is in the cluster now; its `remove()` takes away what came later."""
        return Leftovers.note(self)

    def add_nodes(
        self,
        n: int,
        kubelet_version: str = K3S,
        *,
        prefix: str = "node",
        labels: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> list[str]:
        """Makes `n` simulated nodes and waits until they are Ready; their names."""
        numbers = {f"{prefix}-{number}": number for number in islice(self._numbers, n)}
        names = list(numbers)
        objects = [node(name, numbers[name], kubelet_version, labels or {}) for name in names]
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("create", "-f", "-", input=everything, timeout=timeout)
        self._await_nodes(names, ready=True, timeout=timeout)
        return names

    def set_ready(self, *names: str, ready: bool) -> None:
        """Makes nodes Ready or NotReady, and lets their pods start or holds them.

        On a NotReady node no pod ever starts, as on a machine whose kubelet has stopped.
        """
        label = f"{NOT_READY}-" if ready else f"{NOT_READY}=true"
        self.kubectl("label", "--overwrite", "node", *names, label)
        self._await_nodes(names, ready=ready)
        self._hold_nodes(
            self._not_ready.difference(names) if ready else self._not_ready.union(names)
        )
        self._settle(Hold("", nodes=names), ready=ready)

    def remove_nodes(self, *names: str) -> None:
        """Takes nodes away together with their pods."""
        self.kubectl("delete", "node", "--ignore-not-found", *names)
        self._hold_nodes(self._not_ready.difference(names))
        for name in names:
            # By itself the cluster waits 40 s before it gives up the pods of a vanished node.
            where = ("-A", f"--field-selector=spec.nodeName={name}", "--ignore-not-found")
            self.kubectl("delete", "pod", "--force", "--grace-period=0", *where)

    def hold(self, **chosen: Any) -> Hold:
        """Keeps pods from being Ready from now on; see `Hold` for what can be chosen.

        Pods that are Ready lose it.
        """
        hold = Hold(f"hold-{next(self._numbers)}-{os.getpid()}", **chosen)
        self.apply(hold.stage())
        time.sleep(NOTICED)
        self._settle(hold, ready=False)
        return hold

    def release(self, hold: Hold) -> None:
        """Lets held pods get Ready."""
        self.kubectl("delete", "stages.kwok.x-k8s.io", hold.name)
        time.sleep(NOTICED)
        self._settle(hold, ready=True)

    @contextmanager
    def held(self, **chosen: Any) -> Iterator[Hold]:
        """A hold for the length of a block."""
        hold = self.hold(**chosen)
        try:
            yield hold
        finally:
            self.release(hold)

    def set_log(self, text: str) -> None:
        """What `kubectl logs` shows from now on of any pod, for the last run of a container too.

        Without this, kubectl says that there is no log.
        """
        name = f"log-{next(self._numbers)}"
        file = self.plane.directory / name
        stamp = "2026-01-01T00:00:00.000000000Z stdout F"
        file.write_text("".join(f"{stamp} {line}\n" for line in text.splitlines()))
        logs = {"logsFile": str(file), "previousLogsFile": str(file), "follow": False}
        self.apply(
            {
                "apiVersion": "kwok.x-k8s.io/v1alpha1",
                "kind": "ClusterLogs",
                "metadata": {"name": name},
                "spec": {"logs": [logs]},
            }
        )
        time.sleep(NOTICED)

    def _hold_nodes(self, names: set[str]) -> None:
        if names == self._not_ready:
            return
        self._not_ready = names
        if names:
            self.apply(Hold(ABSENT_KUBELETS, nodes=sorted(names)).stage())
        else:
            self.kubectl("delete", "stages.kwok.x-k8s.io", ABSENT_KUBELETS)
        time.sleep(NOTICED)

    def _settle(self, hold: Hold, *, ready: bool) -> None:
        """Makes kwok look again at pods that are on the wrong side of a changed hold."""
        wrong = "False" if ready else "True"
        for pod in self.items("pods", "-A"):
            if hold.holds(pod) and condition(pod, "Ready") == wrong:
                meta = pod["metadata"]
                mark = f"multus-testbed/touched={time.time_ns()}"
                # Gone in the meantime is as good.
                self.try_kubectl(
                    "annotate", "--overwrite", "-n", meta["namespace"], "pod", meta["name"], mark
                )

    def _await_nodes(self, names: Sequence[str], *, ready: bool, timeout: float = 60.0) -> None:
        wanted = dict.fromkeys(names, "True" if ready else "False")

        def done() -> bool:
            found = {n["metadata"]["name"]: condition(n, "Ready") for n in self.items("nodes")}
            return found.items() >= wanted.items()

        state = "Ready" if ready else "NotReady"
        self.wait_for(done, f"{', '.join(names[:3])} to be {state}", timeout)
