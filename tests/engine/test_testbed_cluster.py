"""The cluster that the other tests stand on: it is there, it obeys, and it leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from testbed.cluster import Cluster
from testbed.kubectl import ClusterError, condition
from testbed.objects import ONE, workload
from testbed.processes import PROC, alive, running_from
from testbed.tools import ROOT, Tools

HOLDER = """
import pathlib, sys, time
from testbed.cluster import Cluster
from testbed.tools import find_tools
with Cluster.start(find_tools("engine")) as cluster:
    print(cluster.plane.directory, flush=True)
    time.sleep(120)
"""


def _daemon_set(name: str) -> dict[str, Any]:
    first = {"initContainers": [{"name": "first", "image": "first"}]}
    pod = {**ONE, **first, "tolerations": [{"operator": "Exists"}]}
    return workload("DaemonSet", name, "kube-system", pod)


def _ready(cluster: Cluster, name: str) -> int:
    found = cluster.kubectl_json("get", "daemonset", "-n", "kube-system", name)
    return int(found["status"].get("numberReady", 0))


def _await_ready(cluster: Cluster, name: str, n: int) -> None:
    cluster.wait_for(lambda: _ready(cluster, name) == n, f"{n} ready pods of {name}", 20)


def _pods(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    return cluster.items("pods", "-n", "kube-system", "-l", f"app={name}")


def _gone(directory: Path) -> bool:
    return not running_from(directory) and not directory.exists()


def test_the_server_answers_as_that_of_a_k3s(cluster: Cluster) -> None:
    version = cluster.kubectl_json("version")["serverVersion"]["gitVersion"]
    assert version.startswith("v1.")
    assert cluster.server.startswith("https://127.0.0.1:")


@pytest.mark.skipif(not (PROC / "net" / "tcp").exists(), reason="sockets are read from /proc")
def test_nothing_listens_beyond_loopback(cluster: Cluster) -> None:
    listening: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A":
                listening[f"socket:[{inode}]"] = local
    ours = [
        listening[name]
        for pid in running_from(cluster.plane.directory)
        for link in (PROC / str(pid) / "fd").iterdir()
        if (name := str(link.readlink())) in listening
    ]
    assert len(ours) >= 6
    assert {address.partition(":")[0] for address in ours} == {"0100007F"}


def test_a_cluster_leaves_nothing(tools: Tools) -> None:
    with Cluster.start(tools) as cluster:
        directory = cluster.plane.directory
        ours = set(running_from(directory))
        assert len(ours) == 5
    assert _gone(directory)
    assert not alive(ours)


def test_a_cluster_that_cannot_start_leaves_nothing(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho 'no space left' >&2\nexit 1\n")
    broken.chmod(0o755)
    used = tuple(
        u if u.name != "etcd" else type(u)("etcd", "PATH", broken, "0") for u in tools.used
    )
    monkeypatch.setattr("testbed.control_plane.READY", 10)
    directory = tmp_path / "cluster"
    with pytest.raises(ClusterError, match="the control plane did not start"):
        Cluster.start(Tools(used), directory)
    assert _gone(directory)


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGKILL],
    ids=["ctrl-c", "terminated", "killed"],
)
def test_a_cluster_ends_with_the_process_that_holds_it(number: signal.Signals) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    directory = Path(holder.stdout.readline().strip())
    ours = set(running_from(directory))
    assert len(ours) == 5
    holder.send_signal(number)
    holder.wait(30)
    holder.stdout.close()
    Cluster.wait_for(lambda: _gone(directory), "its cluster to go", 20)
    assert not alive(ours)


def test_nodes_have_the_version_and_labels_asked_for(cluster: Cluster) -> None:
    names = cluster.add_nodes(2, "v1.30.4+k3s1", prefix="old", labels={"role": "edge"})
    try:
        nodes = cluster.items("nodes", "-l", "role=edge,kubernetes.io/os=linux")
        assert {n["metadata"]["name"] for n in nodes} == set(names)
        assert {n["status"]["nodeInfo"]["kubeletVersion"] for n in nodes} == {"v1.30.4+k3s1"}
    finally:
        cluster.remove_nodes(*names)


def test_pods_of_a_not_ready_node_never_start(cluster: Cluster) -> None:
    (name,) = cluster.add_nodes(1)
    try:
        cluster.set_ready(name, ready=False)
        cluster.apply(_daemon_set("d"))
        _await_ready(cluster, "d", 3)
        (pod,) = (p for p in _pods(cluster, "d") if p["spec"].get("nodeName") == name)
        assert condition(pod, "Ready") == "False"
        cluster.set_ready(name, ready=True)
        _await_ready(cluster, "d", 4)
        cluster.set_ready(name, ready=False)
        _await_ready(cluster, "d", 3)
    finally:
        cluster.remove_nodes(name)


def test_pods_are_held_and_let_go(cluster: Cluster) -> None:
    with cluster.held(labels={"app": "d"}):
        cluster.apply(_daemon_set("d"), _daemon_set("control"))
        _await_ready(cluster, "control", 3)
        time.sleep(1)
        assert _ready(cluster, "d") == 0
    _await_ready(cluster, "d", 3)
    hold = cluster.hold(
        labels={"app": "d"}, reason="CrashLoopBackOff", message="back-off 40s", restarts=4
    )
    _await_ready(cluster, "d", 0)
    status = _pods(cluster, "d")[0]["status"]["containerStatuses"][0]
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}
    assert status["restartCount"] == 4
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert _ready(cluster, "control") == 3
    cluster.release(hold)
    _await_ready(cluster, "d", 3)


def test_pods_of_jobs_end(cluster: Cluster) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main"}]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once", "namespace": "kube-system"},
        "spec": {"template": {"spec": pod}},
    }
    cluster.apply(job)
    where = ("-n", "kube-system", "--for=condition=Complete", "job/once", "--timeout=20s")
    cluster.kubectl("wait", *where)


def test_logs_say_what_they_are_told_to(cluster: Cluster) -> None:
    cluster.apply(_daemon_set("d"))
    _await_ready(cluster, "d", 3)
    cluster.set_log("first line\nno such file: /opt/cni/bin")
    pod = _pods(cluster, "d")[0]["metadata"]["name"]
    for last in ((), ("--previous",)):
        said = cluster.kubectl("logs", "-n", "kube-system", pod, "-c", "main", "--tail=1", *last)
        assert said == "no such file: /opt/cni/bin\n"


def test_what_a_test_makes_is_removed(cluster: Cluster) -> None:
    leftovers = cluster.leftovers()
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.test"},
        "spec": {
            "group": "example.test",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    namespace = cluster.namespace()
    cluster.apply(definition, _daemon_set("d"))
    cluster.kubectl("wait", "--for=condition=Established", "crd/things.example.test")
    thing = {"apiVersion": "example.test/v1", "kind": "Thing", "metadata": {"name": "t"}}
    cluster.kubectl("create", "-n", namespace, "-f", "-", input=str(thing).replace("'", '"'))
    cluster.wait_for(lambda: len(_pods(cluster, "d")) == 3, "the pods")
    assert leftovers.found() >= {
        ("", f"namespace/{namespace}"),
        (namespace, "thing.example.test/t"),
        ("kube-system", "daemonset.apps/d"),
    }
    leftovers.remove()
    assert leftovers.found() == set()
    assert _pods(cluster, "d") == []
