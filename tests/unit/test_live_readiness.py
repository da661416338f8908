"""The wait for ready pods, run as it is run: as text on standard input of an isolated Python.

A fake kubectl prints what a cluster would. What is said of it is a golden, for it is all that a
person has to go by.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from components.live import script
from components.live.readiness import MOST_PODS

Json = dict[str, Any]

KUBECTL: Final = textwrap.dedent("""\
    #!/bin/sh
    case "$2" in
      logs) echo "$@" >> "$0.log"; cat "$0.tail" ;;
      get) cat "$0.$3" 2>/dev/null || { cat "$0.down" >&2; exit 1; } ;;
    esac
    """)


def daemon_set(wanted: int = 1, ready: int = 1, **others: Any) -> Json:
    status = {
        "observedGeneration": others.get("observed", 2),
        "desiredNumberScheduled": wanted,
        "updatedNumberScheduled": others.get("updated", wanted),
        "numberReady": ready,
    }
    metadata = {"name": others.get("name", "multus"), "uid": "ds", "generation": 2}
    spec = others.get("spec", {})
    return {"kind": "DaemonSet", "metadata": metadata, "spec": spec, "status": status}


def deployment(replicas: int | None = 1, *, paused: bool = False, **status: int) -> Json:
    spec = {} if replicas is None else {"replicas": replicas}
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "reconciler",
            "namespace": "kube-system",
            "uid": "deploy",
            "generation": 1,
        },
        "spec": spec | ({"paused": True} if paused else {}),
        "status": {"observedGeneration": 1, **status},
    }


def pod(
    name: str = "multus-x", owner: str = "ds", node: str | None = "node-1", **status: Any
) -> Json:
    return {
        "metadata": {"name": name, "ownerReferences": [{"uid": owner}]},
        "spec": {"nodeName": node} if node else {},
        "status": status,
    }


COMPLETED: Final = {
    "name": "kube-rke2-multus",
    "ready": False,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
    "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}},
}
DONE: Final = {"name": "cni-plugins", "state": {"terminated": {"exitCode": 0}}}
FAILING: Final = {
    "name": "cni-plugins",
    "state": {"terminated": {"exitCode": 1, "reason": "Error"}},
}
PULLING: Final = {
    "name": "kube-rke2-multus",
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
}
SIDECAR: Final = {"name": "side", "ready": True, "state": {"running": {}}}
COLOURED: Final = {
    "name": "kube-rke2-multus",
    "ready": False,
    "state": {
        "waiting": {"reason": "ErrImagePull", "message": "a \x1b[31mregistry\x1b[0m\nsaid no"}
    },
}
SURGE: Final = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1}
GOING: Final = pod(containerStatuses=[PULLING])
GOING["metadata"]["deletionTimestamp"] = "2026-05-04T10:11:12Z"
RUNNING: Final = {"name": "reconciler", "ready": False, "state": {"running": {}}}
NO_ROOM: Final = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: taint"}]
READY: Final = [{"type": "Ready", "status": "True"}]


@dataclass(frozen=True)
class Task:
    """The readiness task over a fake kubectl."""

    folder: Path

    def run(self, *workloads: Json, expected: str = "DaemonSet/multus", **others: Any) -> Any:
        fake = self.folder / "kubectl"
        fake.write_text(KUBECTL)
        fake.chmod(0o755)
        answers = {
            "daemonsets,deployments": workloads,
            "pods": others.get("pods", []),
            "replicasets": others.get("replica_sets", []),
        }
        for kind, items in answers.items():
            if items or not others.get("down"):
                (self.folder / f"kubectl.{kind}").write_text(json.dumps({"items": items}))
        (self.folder / "kubectl.down").write_text(others.get("down", ""))
        log = others.get("log", b"")
        (self.folder / "kubectl.tail").write_bytes(log if isinstance(log, bytes) else log.encode())
        return subprocess.run(
            [sys.executable, "-I", "-"],
            input=script("readiness"),
            env={
                "PATH": f"{self.folder}:/usr/bin:/bin",
                "HOME": str(self.folder),
                "MULTUS_NAMESPACE": "kube-system",
                "MULTUS_WORKLOADS": expected,
                "MULTUS_TIMEOUT": "0",
            },
            capture_output=True,
            encoding="utf-8",
            timeout=20,
            check=False,
        )

    def failure(self, *workloads: Json, **others: Any) -> list[str]:
        """What is said behind the first line, which every failure has."""
        done = self.run(*workloads, **others)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        first, *lines = done.stderr.rstrip("\n").split("\n")
        assert first == "Multus is not ready after 0 s:"
        return list(lines)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path)


def test_ready(task: Task) -> None:
    expected = "DaemonSet/multus,Deployment/reconciler"
    done = task.run(
        daemon_set(3, 3), deployment(updatedReplicas=1, readyReplicas=1), expected=expected
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ready: DaemonSet/multus, Deployment/reconciler\n"


FAILURES: Final[list[tuple[str, list[Json], Json, list[str]]]] = [
    ("missing", [], {}, ["DaemonSet/multus: does not exist"]),
    (
        "0 of 1, which Helm calls ready",
        [daemon_set(ready=0)],
        {},
        ["DaemonSet/multus: 0 of 1 pods are ready"],
    ),
    (
        "no node",
        [daemon_set(0, 0)],
        {},
        [
            "DaemonSet/multus: no node is to run it: there is none, the node selector fits none, "
            "or their taints keep it off"
        ],
    ),
    (
        "old generation",
        [daemon_set(observed=1)],
        {},
        ["DaemonSet/multus: its controller has not seen generation 2 yet"],
    ),
    (
        "old pods",
        [daemon_set(3, 3, updated=1)],
        {},
        ["DaemonSet/multus: 1 of 3 pods are of the new version"],
    ),
    (
        "old pods, which nobody replaces",
        [daemon_set(3, 3, updated=1, spec={"updateStrategy": {"type": "OnDelete"}})],
        {},
        [
            "DaemonSet/multus: 1 of 3 pods are of the new version, and its update strategy is "
            "OnDelete: delete the old pods"
        ],
    ),
    (
        "a paused rollout",
        [deployment(paused=True, readyReplicas=1)],
        {"expected": "Deployment/reconciler"},
        [
            "Deployment/reconciler: 0 of 1 pods are of the new version, and its rollout is "
            "paused: kubectl rollout resume deployment/reconciler --namespace kube-system"
        ],
    ),
    (
        "a deployment whose old pod is the ready one",
        [{**deployment(), "status": SURGE}],
        {"expected": "Deployment/reconciler"},
        ["Deployment/reconciler: 1 of 2 pods are still of the old version"],
    ),
    (
        "a pod that goes",
        [daemon_set(ready=0)],
        {"pods": [GOING]},
        [
            "DaemonSet/multus: 0 of 1 pods are ready",
            "  node node-1: is being deleted, to be gone by 2026-05-04T10:11:12Z",
        ],
    ),
    (
        "a sidecar that runs, and a container that does not",
        [daemon_set(ready=0)],
        {"pods": [pod(initContainerStatuses=[SIDECAR], containerStatuses=[PULLING])]},
        [
            "DaemonSet/multus: 0 of 1 pods are ready",
            "  node node-1, container kube-rke2-multus: ImagePullBackOff (no such image)",
        ],
    ),
    (
        "what a node says, in colours, on many lines and without end",
        [daemon_set(ready=0)],
        {
            "pods": [pod(containerStatuses=[COLOURED])],
            "log": b"panic: \x1b[31mcaf\xe9\x1b[0m\rmore " + b"x" * 100_000 + b"\n\n \n",
        },
        [
            "DaemonSet/multus: 0 of 1 pods are ready",
            "  node node-1, container kube-rke2-multus: ErrImagePull (a registry said no); "
            f"last log line: more {'x' * 494}\N{HORIZONTAL ELLIPSIS}",
        ],
    ),
    (
        "a loop of completed runs",
        [daemon_set(2, 1)],
        {
            "pods": [
                pod(initContainerStatuses=[DONE], containerStatuses=[COMPLETED]),
                pod("multus-y", node="node-2", conditions=READY),
                pod("dhcp", owner="another", containerStatuses=[PULLING]),
            ],
            "log": "cannot find a valid master CNI config\n",
        },
        [
            "DaemonSet/multus: 1 of 2 pods are ready",
            "  node node-1, container kube-rke2-multus: CrashLoopBackOff, it ended with exit code "
            "0 (Completed); last log line: cannot find a valid master CNI config",
        ],
    ),
    (
        "an init container fails",
        [daemon_set(ready=0)],
        {
            "pods": [pod(initContainerStatuses=[FAILING], containerStatuses=[PULLING])],
            "log": "no space left on device",
        },
        [
            "DaemonSet/multus: 0 of 1 pods are ready",
            "  node node-1, container cni-plugins: it ended with exit code 1 (Error); "
            "last log line: no space left on device",
        ],
    ),
    (
        "an image that cannot be had",
        [daemon_set(ready=0)],
        {"pods": [pod(initContainerStatuses=[DONE], containerStatuses=[PULLING])]},
        [
            "DaemonSet/multus: 0 of 1 pods are ready",
            "  node node-1, container kube-rke2-multus: ImagePullBackOff (no such image)",
        ],
    ),
    (
        "a deployment",
        [deployment(updatedReplicas=1)],
        {
            "expected": "Deployment/reconciler",
            "pods": [pod("r-1", "rs", None, conditions=NO_ROOM), pod("other", "rs-2")],
            "replica_sets": [
                {"metadata": {"uid": "rs", "ownerReferences": [{"uid": "deploy"}]}},
                {"metadata": {"uid": "rs-2", "ownerReferences": [{"uid": "others"}]}},
            ],
        },
        [
            "Deployment/reconciler: 0 of 1 pods are ready",
            "  node not chosen yet: 0/1 nodes: taint",
        ],
    ),
    (
        "a deployment that runs and is not ready",
        [deployment(None, updatedReplicas=1, readyReplicas=0)],
        {
            "expected": "Deployment/reconciler",
            "pods": [pod("r-1", "rs", containerStatuses=[RUNNING])],
            "replica_sets": [{"metadata": {"uid": "rs", "ownerReferences": [{"uid": "deploy"}]}}],
        },
        [
            "Deployment/reconciler: 0 of 1 pods are ready",
            "  node node-1, container reconciler: runs, but is not ready",
        ],
    ),
    (
        "a deployment at zero",
        [deployment(0)],
        {"expected": "Deployment/reconciler"},
        ["Deployment/reconciler: it is scaled to zero"],
    ),
    (
        "the cluster does not answer",
        [],
        {"down": "The connection to the server 127.0.0.1:6443 was refused - did you specify it?"},
        [
            "the cluster: the cluster does not answer: The connection to the server "
            "127.0.0.1:6443 was refused - did you specify it? Check that it runs and that "
            "KUBECONFIG (or multus:kubeconfig) names it"
        ],
    ),
]


@pytest.mark.parametrize(
    ("workloads", "others", "lines"),
    [row[1:] for row in FAILURES],
    ids=[row[0] for row in FAILURES],
)
def test_says_what_is_missing_where_and_why(
    task: Task, workloads: list[Json], others: Json, lines: list[str]
) -> None:
    assert task.failure(*workloads, **others) == lines


def test_a_cluster_that_goes_away_during_the_report_takes_no_reason_along(task: Task) -> None:
    lines = task.failure(daemon_set(ready=0), down="The connection to the server was refused")
    assert lines == [
        "DaemonSet/multus: 0 of 1 pods are ready",
        "their pods cannot be read: the cluster does not answer: The connection to the server was "
        "refused. Check that it runs and that KUBECONFIG (or multus:kubeconfig) names it",
    ]


def test_a_run_before_has_the_log_of_a_loop(task: Task) -> None:
    task.failure(daemon_set(ready=0), pods=[pod(containerStatuses=[COMPLETED])], log="line\n")
    asked = (task.folder / "kubectl.log").read_text()
    assert "--container=kube-rke2-multus --tail=10 --limit-bytes=65536 --previous" in asked


def test_many_pods_are_a_few_lines(task: Task) -> None:
    pods = [pod(f"p{index}", containerStatuses=[PULLING]) for index in range(MOST_PODS + 3)]
    lines = task.failure(daemon_set(9, 0), pods=pods)
    assert len(lines) == 1 + MOST_PODS + 1
    assert lines[-1] == "  and 3 more pods"


def test_without_kubectl_it_says_so_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=script("readiness"),
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "neither kubectl nor k3s is on PATH. Install kubectl where Pulumi runs\n"
    )
