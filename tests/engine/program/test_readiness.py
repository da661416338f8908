"""The wait for ready pods: what it fails on, what it says, and that Helm's own wait passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.tools import Tools
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.test_changes import set_secret

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
        component = checkout.path / "components" / "multus.py"
        text = component.read_text()
        assert text.count("skip_await=True") == 1
        text = text.replace("skip_await=True", "skip_await=False")
        assert text.count("self._wait_for(release)") == 1
        component.write_text(text.replace("self._wait_for(release)", "pass"))
        checkout.up("dev").check()
    checkout.destroy("dev").check()


def test_no_node_at_all_fails(tools: Tools, program: MakeProgram) -> None:
    with Cluster.start(tools) as empty:
        result = program("dev", empty, timeout=SHORT).up("dev")
        assert not result.ok
        assert any("DaemonSet/multus: no node is to run it" in error for error in result.errors)


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


def test_the_wait_leaves_no_file_behind(
    lonely: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    """A kubeconfig of the stack is handed to kubectl as a file, for as long as a task runs."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch), "KUBECONFIG": "/nowhere/at-all"}
    checkout = program("dev", lonely)
    assert checkout.cli("stack", "init", "dev", env=env).returncode == 0
    set_secret(checkout, lonely.kubeconfig.read_text(), env)
    checkout.up("dev", env=env).check()
    assert list(scratch.glob("multus-*.yaml")) == []
    checkout.destroy("dev", env=env).check()
