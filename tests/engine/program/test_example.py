"""The program in examples/ on the live API server, with the library as pip installs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import pytest

from testbed.cluster import Cluster
from testbed.engine import Workspace
from tests.engine.conftest import MakeWorkspace
from tests.engine.program import live
from tests.engine.program.conftest import TIMEOUT_SECONDS, ChartSettings
from tests.library import EXAMPLE

STACK: Final = "dev"
CHART: Final = 'chart = Chart(version="v4.3.017")'
ARGS: Final = "chart=chart)"
BY_OUTPUT: Final = 'multus.pod_annotations(Selection(network=lan, interface="lan0"))'
AT_ONCE: Final = {
    BY_OUTPUT: 'pod_annotation([Selection(network=lan, interface="lan0")]).annotations',
    "    Whereabouts,\n": "    Whereabouts,\n    pod_annotation,\n",
}
WRONG: Final = {'ipam="whereabouts"': 'ipam="dhcq", reconciler_schedule="never"'}
FINDINGS: Final = (
    "MultusArgs has 2 errors:\n",
    '\n  error: reconciler_schedule is "never", but a schedule has five fields, ',
    '\n  error: ipam is "dhcq", but ',
)
WEB: Final = ("-n", "default", "-l", "app=web")
MULTUS: Final = {"app": "rke2-multus"}


class MakeExample(Protocol):
    def __call__(self, changes: Mapping[str, str] = ..., /) -> Workspace: ...


@pytest.fixture
def example(
    workspace: MakeWorkspace, cluster: Cluster, library: Path, chart: ChartSettings
) -> MakeExample:
    """A copy of the example that takes its chart from the local repository, with changes."""
    ours = chart()
    keys = {"version", "repository", "sha256"}
    assert {*ours} == {*keys, "crdSha256"}
    local = {**{key: ours[key] for key in keys}, "crd_sha256": ours["crdSha256"]}
    base = {
        CHART: f"chart = Chart(**{local})",
        ARGS: f"chart=chart, timeout={TIMEOUT_SECONDS})",
    }

    def make(changes: Mapping[str, str] = MappingProxyType({}), /) -> Workspace:
        made = workspace(EXAMPLE, cluster=cluster, env={"PYTHONPATH": str(library)})
        file = made.path / "__main__.py"
        text = file.read_text(encoding="utf-8")
        for old, new in {**base, **changes}.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        return made

    return make


def deployments(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.items("deployments", "-n", "default")


def created(cluster: Cluster, kind: str, *where: str) -> list[str]:
    """RFC 3339 in UTC, so that later texts are greater."""
    return [item["metadata"]["creationTimestamp"] for item in cluster.items(kind, *where)]


def test_the_examples_whole_life(cluster: Cluster, example: MakeExample) -> None:
    program = example()
    assert not (program.path / "multus_k3s").exists()

    assert program.preview(STACK).check().summary == {"create": 12}
    assert live.crds(cluster) == set()

    up = program.up(STACK).check()
    [network] = live.networks(cluster).items()
    assert network == (
        "default/lan",
        {
            "cniVersion": "1.0.0",
            "name": "default.lan",
            "type": "macvlan",
            "master": "eth1",
            "mode": "bridge",
            "ipam": {
                "type": "whereabouts",
                "range": "192.168.30.0/24",
                "exclude": ["192.168.30.1/32"],
                "gateway": "192.168.30.1",
                "configuration_path": "/etc/cni/net.d/whereabouts.d/whereabouts.conf",
            },
        },
    )
    [web] = deployments(cluster)
    wanted = {"name": "lan", "namespace": "default", "interface": "lan0"}
    assert joined(web["spec"]["template"]) == [wanted]
    pods = cluster.items("pods", *WEB)
    assert [joined(pod) for pod in pods] == [[wanted], [wanted]]
    assert up.outputs["networks"]["default/lan"]["capacity"] == 253

    assert program.preview(STACK).check().changes == ()

    program.destroy(STACK).check()
    assert deployments(cluster) == []
    assert live.networks(cluster) == {}
    assert live.workloads(cluster) == set()
    assert live.releases(cluster) == set()
    assert program.state(STACK)["deployment"].get("resources", []) == []


def joined(pod: dict[str, Any]) -> Any:
    """What a pod or its template asks of Multus."""
    return json.loads(pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"])


def test_no_pod_is_made_before_multus_serves_it(cluster: Cluster, example: MakeExample) -> None:
    program = example()
    with cluster.held(labels=MULTUS):
        running = program.start("up", STACK)
        cluster.wait_for(
            lambda: live.waits(running) and live.networks(cluster) != {},
            "the network, and the wait for ready pods",
            90,
        )
        assert deployments(cluster) == []
    running.wait().check()
    [network] = created(cluster, live.NETWORKS, "-A")
    pods = created(cluster, "pods", *WEB)
    assert len(pods) == 2
    assert min(pods) > network


def test_control_a_pod_that_does_not_use_the_output_is_made_too_early(
    cluster: Cluster, example: MakeExample
) -> None:
    program = example(AT_ONCE)
    with cluster.held(labels=MULTUS):
        running = program.start("up", STACK)
        cluster.wait_for(lambda: deployments(cluster) != [], "the Deployment", 90)
        found = cluster.items("pods", "-n", "kube-system", "-l", "app=rke2-multus")
        assert not any(status["ready"] for pod in found for status in _containers(pod))
    running.wait().check()


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    statuses: list[dict[str, Any]] = pod["status"].get("containerStatuses", [])
    return statuses


def test_faulty_arguments_end_the_run_before_anything_is_registered(
    cluster: Cluster, example: MakeExample
) -> None:
    program = example(WRONG)
    for run in (program.preview, program.up):
        result = run(STACK)
        assert not result.ok
        [error] = result.errors
        assert all(one in error for one in FINDINGS), error
        assert error.count("\n    args = MultusArgs(") == 1  # the program's line, by its traceback
    assert live.crds(cluster) == set()
    assert live.workloads(cluster) == set()
    assert deployments(cluster) == []
    state = program.state(STACK)["deployment"].get("resources", [])
    assert {one["type"] for one in state} <= {"pulumi:pulumi:Stack"}
