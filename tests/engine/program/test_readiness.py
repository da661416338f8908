"""The wait for ready pods: what it fails on, what it says, and that Helm's own wait passes."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cluster_tasks import script
from testbed.cluster import Cluster
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram, edit
from tests.engine.program.test_changes import set_secret
from tests.unit.tasks import run

SHORT = 12  # seconds until the wait gives up
MULTUS = {"app": "rke2-multus"}


@pytest.fixture(scope="module")
def lonely(tools: Tools) -> Iterator[Cluster]:
    """A cluster of one node."""
    with Cluster.start(tools) as found:
        found.add_nodes(1)
        yield found


def test_zero_ready_pods_of_one_node_fail_where_helm_is_content(
    lonely: Cluster, program: MakeProgram
) -> None:
    checkout = program("dev", lonely, timeout=SHORT)
    lonely.set_log("Multus cni version is 1.0.0 while master plugin cni version is 0.3.1")
    chosen = {"labels": MULTUS, "reason": "CrashLoopBackOff", "restarts": 3, "exit_code": 0}
    with lonely.held(**chosen):
        result = checkout.up("dev")
        assert not result.ok
        [error] = [error for error in result.errors if "not ready" in error]
        assert f"Multus is not ready after {SHORT} s" in error
        assert "DaemonSet/multus: 0 of 1 pods are ready" in error
        assert "container kube-rke2-multus: CrashLoopBackOff, it ended with exit code 0" in error
        assert "last log line: Multus cni version is 1.0.0 while" in error

        # Control: with Helm's own wait in place of ours the same release passes.
        helms = {"skip_await=True": "skip_await=False", "self._wait_for(one) for": "one for"}
        edit(checkout, "components/multus.py", helms)
        checkout.up("dev").check()
    checkout.destroy("dev").check()


def test_no_node_at_all_fails(tools: Tools, program: MakeProgram) -> None:
    with Cluster.start(tools) as empty:
        result = program("dev", empty, timeout=SHORT).up("dev")
        assert not result.ok
        assert any("DaemonSet/multus: no node is to run it" in error for error in result.errors)


def test_where_no_pod_can_be_made_the_event_says_why(lonely: Cluster, program: MakeProgram) -> None:
    checkout = program("dev", lonely, timeout=SHORT)
    quota = ("quota", "none", "--namespace", "kube-system")
    lonely.kubectl("create", *quota, "--hard=pods=0")
    lonely.wait_for(
        lambda: lonely.kubectl_json("get", *quota).get("status", {}).get("hard"), "the quota", 30
    )
    result = checkout.up("dev")
    lonely.kubectl("delete", *quota)
    [error] = [error for error in result.errors if "not ready" in error]
    assert "last warning: FailedCreate: " in error
    assert "exceeded quota: none" in error
    assert checkout.up("dev").ok
    checkout.destroy("dev").check()


def test_the_next_up_finds_it_ready_once_it_is(lonely: Cluster, program: MakeProgram) -> None:
    checkout = program("dev", lonely, timeout=SHORT)
    with lonely.held(labels=MULTUS, reason="ImagePullBackOff"):
        result = checkout.up("dev")
        assert not result.ok
        assert any("ImagePullBackOff" in error for error in result.errors)
    assert [step.name for step in checkout.up("dev").check().changes] == ["multus-ready"]
    checkout.destroy("dev").check()


def test_a_generation_that_no_controller_has_seen_is_not_ready(
    tools: Tools, program: MakeProgram
) -> None:
    """With the controllers stopped, the DaemonSet's status is that of its older self."""
    with Cluster.start(tools) as cluster:
        cluster.add_nodes(1)
        checkout = program("dev", cluster, timeout=SHORT)
        checkout.up("dev").check()
        with cluster.plane.frozen("kube-controller-manager"):
            checkout.configure(
                "dev", {"extraValues": {"config": {"cni_conf": {"logLevel": "debug"}}}}
            )
            result = checkout.up("dev")
        assert not result.ok
        assert any("has not seen generation 2 yet" in error for error in result.errors)


def test_a_stack_kubeconfig_leaves_no_file_behind_also_when_the_run_is_cancelled(
    lonely: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    """It is handed to kubectl as a file, for as long as a task runs.

    The Kubernetes provider writes one of its own, `kubeconfig…`, and never removes it; the runbook
    says so, and that there is none where KUBECONFIG names the file.
    """
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch), "KUBECONFIG": "/nowhere/at-all"}
    checkout = program("dev", lonely)
    assert checkout.cli("stack", "init", "dev", env=env).returncode == 0
    set_secret(checkout, lonely.kubeconfig.read_text(), env)
    with lonely.held(labels=MULTUS, reason="ImagePullBackOff"):
        running = checkout.start("up", "dev", env=env)
        lonely.wait_for(lambda: live.waits(running), "the wait for ready pods", 90)
        running.interrupt()
        time.sleep(1)  # of the first one the engine says nothing while a command runs
        running.interrupt()  # the second time the engine cancels what runs, which is the wait
        result = running.wait()
        assert not result.ok
        assert holding(scratch, "client-key-data") == []
        assert any("multus-ready" in urn for urn in result.failed), result.failed
    assert checkout.cli("cancel", "--yes", "--stack", "dev", env=env).returncode == 0
    checkout.up("dev", env=env).check()
    assert holding(scratch, "client-key-data") == []
    checkout.destroy("dev", env=env).check()


def test_an_ambient_kubeconfig_leaves_no_file_at_all(
    lonely: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    checkout = program("dev", lonely)
    checkout.up("dev", env={"TMPDIR": str(scratch)}).check()
    assert holding(scratch, "client-key-data", of_provider=True) == []
    checkout.destroy("dev").check()


def holding(folder: Path, text: str, *, of_provider: bool = False) -> list[Path]:
    """The files with a text in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [path for path in files if text in path.read_text(errors="replace")]
    return [path for path in found if of_provider or not path.name.startswith("kubeconfig")]


def test_a_server_that_accepts_and_never_answers_is_named_in_time(
    tools: Tools, tmp_path: Path
) -> None:
    """The real kubectl against a socket on which nobody speaks, with a sixth of the limit."""
    text = script("crd_handover")
    assert text.count("REQUEST_TIMEOUT_SECONDS = 20") == 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = {"server": f"https://127.0.0.1:{silent.getsockname()[1]}"}
        kubeconfig = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "current-context": "c",
        }
        began = time.monotonic()
        done = run_task(
            tools,
            text.replace("REQUEST_TIMEOUT_SECONDS = 20", "REQUEST_TIMEOUT_SECONDS = 3"),
            kubeconfig,
            tmp_path,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("the cluster does not answer: ")
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - began < 15


def test_kubectl_and_the_credential_programs_that_it_starts_read_a_file_in_memory(
    tools: Tools, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never",
        "command": "/bin/sh",
        "args": ["-c", f'cat "$KUBECONFIG" > {seen}; echo "$KUBECONFIG" >> {seen}; exit 1'],
    }
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "current-context": "c",
    }
    done = run_task(tools, script("crd_handover"), kubeconfig, tmp_path)
    assert done.returncode == 1
    *content, path = seen.read_text().splitlines()
    assert yaml.safe_load("\n".join(content)) == kubeconfig
    assert path.startswith("/proc/" if hasattr(os, "memfd_create") else tempfile.gettempdir())


def run_task(
    tools: Tools, text: str, kubeconfig: Mapping[str, Any], home: Path
) -> subprocess.CompletedProcess[str]:
    return run(
        text,
        PATH=f"{tools.path('kubectl').parent}:/usr/bin:/bin",
        HOME=str(home),
        MULTUS_KUBECONFIG=yaml.safe_dump(kubeconfig),
        MULTUS_CRD_OWNER="multus",
        MULTUS_CRD_CHART="",
        MULTUS_NAMESPACE="kube-system",
        MULTUS_RELEASES="multus",
        MULTUS_IPAM="dhcp",
        MULTUS_ADOPT="",
    )
