"""What holds Multus's configuration: the names of its copies, when they come and when they go."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from components.cluster_tasks.hold import HELD_SECONDS, SCRIPT, daemonset
from components.cluster_tasks.kubectl import Kubectl, TaskError
from components.cluster_tasks.readiness import wait_and_let_go
from testbed.kubectl import Kubectl as Live

FLANNEL: Final = "10-flannel.conflist"


@contextmanager
def holding(folder: Path, seconds: int = HELD_SECONDS) -> Iterator[subprocess.Popen[bytes]]:
    """The container's script with a node's directory."""
    text = SCRIPT.replace("/held\n", f"{folder}\n", 1).replace("/copied", str(folder / "copied"))
    environment = {"HELD_SECONDS": str(seconds), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(["/bin/sh", "-c", text], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def until(done: Callable[[], bool], what: str) -> None:
    Live.wait_for(done, what, 20, every=0.05)


def held(folder: Path) -> list[Path]:
    return [*folder.glob("*.held.*")]


@pytest.mark.parametrize("own", ["00-multus.conf", "00-multus.conflist"])
def test_a_copy_is_read_where_multus_has_taken_its_own_away(own: str, tmp_path: Path) -> None:
    for name in (own, FLANNEL):
        (tmp_path / name).write_text(name)
    with holding(tmp_path) as process:
        until((tmp_path / "copied").exists, "the copy")
        [copy] = held(tmp_path)
        # The runtime takes the first: Multus's own while it is there, and never flannel's.
        assert sorted(["00-multus.conf", "00-multus.conflist", FLANNEL, copy.name])[2] == copy.name
        assert copy.suffix == Path(own).suffix
        assert copy.name.startswith(
            "00-multus.conf"
        )  # which Multus passes over (getMasterConfigPath)
        assert copy.read_text() == own

        (tmp_path / own).unlink()
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):  # until Multus has written its own again
            process.wait(2)
        assert held(tmp_path) == [copy]
        (tmp_path / own).write_text("new")
        assert process.wait(10) == 0
    assert held(tmp_path) == []
    assert (tmp_path / own).read_text() == "new"


def test_a_copy_goes_by_itself_if_nobody_comes_back(tmp_path: Path) -> None:
    (tmp_path / "00-multus.conf").touch()
    with holding(tmp_path, seconds=1):
        until((tmp_path / "copied").exists, "the copy")
        until(lambda: not held(tmp_path), "the copy to go")


def test_a_node_without_multus_has_nothing_to_hold(tmp_path: Path) -> None:
    (tmp_path / FLANNEL).touch()
    with holding(tmp_path):
        until((tmp_path / "copied").exists, "the script to look")
        assert held(tmp_path) == []


def test_it_runs_where_multus_runs_in_an_image_that_is_there() -> None:
    directory = {"name": "cni", "hostPath": {"path": "/etc/cni/net.d"}}
    pod = {
        "initContainers": [{"name": "cni-plugins", "image": "registry.lan/plugins:1"}],
        "containers": [{"name": "multus", "image": "registry.lan/multus:1"}],
        "volumes": [{"name": "other"}, directory],
        "nodeSelector": {"pool": "edge"},
        "imagePullSecrets": [{"name": "lan"}],
    }
    live = {"metadata": {"namespace": "kube-system"}, "spec": {"template": {"spec": pod}}}
    made = daemonset(live, "multus-hold")
    assert made
    spec = made["spec"]["template"]["spec"]
    assert [one["image"] for one in spec["containers"]] == ["registry.lan/plugins:1"]
    assert spec["volumes"] == [directory]
    assert spec["nodeSelector"] == {"pool": "edge"}
    assert spec["imagePullSecrets"] == [{"name": "lan"}]
    del pod["initContainers"]  # another Multus than the chart's
    assert daemonset(live, "multus-hold") is None


class Away(Kubectl):
    """A cluster that has a held configuration, and never a ready Multus."""

    holds = True

    def __init__(self) -> None:
        super().__init__([], {})

    def run(self, *arguments: str) -> str:
        if arguments[:3] == ("delete", "daemonset", "multus-hold"):
            self.holds = False
        return '{"items": []}'


@pytest.mark.parametrize(("given", "holds"), [({"MULTUS_HOLD": "multus-hold"}, False), ({}, True)])
def test_it_is_let_go_also_where_multus_does_not_get_ready(
    given: dict[str, Any], *, holds: bool
) -> None:
    cluster = Away()
    base = {"MULTUS_NAMESPACE": "kube-system", "MULTUS_TIMEOUT": "0"}
    with pytest.raises(TaskError, match="Multus is not ready"):
        wait_and_let_go(cluster, {**base, "MULTUS_WORKLOADS": "DaemonSet/multus", **given})
    assert cluster.holds == holds
