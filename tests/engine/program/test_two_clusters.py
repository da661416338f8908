"""A provider for one cluster where kubectl's own kubeconfig is for another: both are real.

Both hold the networks' CRD without Helm's marks, as a manifest of Multus leaves it: what the
component's commands reach is what they mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.control_plane import NAME
from testbed.engine import Workspace
from testbed.tools import Tools
from tests.engine.conftest import NODES, MakeWorkspace
from tests.engine.program import live
from tests.engine.program.conftest import TIMEOUT_SECONDS, ChartSettings
from tests.engine.program.test_refusals import one_error
from tests.library import ROOT

STACK: Final = "dev"
CONTEXT: Final = f"kwok-{NAME}"
CRD: Final = yaml.safe_load(
    (ROOT / "testbed/charts/sources/crds/network-attachment-definitions.yaml").read_text()
)
PROGRAM: Final = """
from pathlib import Path
import pulumi, pulumi_command, pulumi_kubernetes
from multus_k3s import Access, Chart, K3s, Macvlan, MultusArgs, MultusComponent, Whereabouts

lan = Macvlan(name="lan", master="eth1", ipam=Whereabouts(range="192.168.30.0/24"))
k3s = K3s(version="v1.34.2+k3s1", nodes="multi")
args = MultusArgs(
    cluster=k3s, ipam="whereabouts", networks=(lan,), preflight="required", adopt=True,
    chart=Chart(**CHART), timeout=TIMEOUT, reconciler_schedule="*/30 * * * *",
)
east = pulumi_kubernetes.Provider("east", kubeconfig=KUBECONFIG)
MultusComponent("multus", args, opts=pulumi.ResourceOptions(provider=east)OTHERS)
"""
FROM_FILE: Final = 'Path("east.yaml").read_text()'
# Made in the same program: not known at the first preview.
FROM_RESOURCE: Final = 'pulumi_command.local.Command("east", create="cat east.yaml").stdout'
LEFT_OUT: Final = "preflight left out: the kubeconfig is not known before up"
# Takes the protection away: commands then know nothing of the provider.
UNPROTECTED: Final = """
from multus_k3s import access
access._access_of = lambda *_: access.Access()
"""


class MakeProgram(Protocol):
    def __call__(
        self, *, kubeconfig: str = ..., before: str = ..., others: str = ...
    ) -> Workspace: ...


@pytest.fixture(scope="module")
def second(tools: Tools) -> Iterator[Cluster]:
    with Cluster.start(tools) as found:
        found.add_nodes(NODES)
        yield found


@pytest.fixture
def east(second: Cluster) -> Iterator[Cluster]:
    leftovers = second.leftovers()
    second.apply(CRD)
    yield second
    leftovers.remove()


@pytest.fixture
def ambient(cluster: Cluster) -> Cluster:
    cluster.apply(CRD)
    return cluster


@pytest.fixture
def program(
    workspace: MakeWorkspace,
    ambient: Cluster,
    east: Cluster,
    library: Path,
    chart: ChartSettings,
    tmp_path: Path,
) -> MakeProgram:
    ours = chart()
    settings = {**ours, "crd_sha256": ours["crdSha256"]}
    del settings["crdSha256"]

    def make(*, kubeconfig: str = FROM_FILE, before: str = "", others: str = "") -> Workspace:
        source = tmp_path / "source"
        source.mkdir()
        text = PROGRAM.replace("CHART", repr(settings)).replace("TIMEOUT", str(TIMEOUT_SECONDS))
        text = text.replace("KUBECONFIG", kubeconfig).replace("OTHERS", others)
        (source / "__main__.py").write_text(before + text)
        (source / "Pulumi.yaml").write_text("name: two\nruntime: python\n")
        (source / "east.yaml").write_text(east.kubeconfig.read_text())
        return workspace(source, cluster=ambient, env={"PYTHONPATH": str(library)})

    return make


def marks(cluster: Cluster) -> set[str]:
    metadata = cluster.kubectl_json("get", live.NETWORKS_CRD)["metadata"]
    found = {*metadata.get("annotations", {}), *metadata.get("labels", {})}
    return {one for one in found if "helm.sh" in one or one.endswith("managed-by")}


def versions(cluster: Cluster) -> dict[str, Any]:
    """What a change to anything of ours would change."""
    kinds = "crds,configmaps,secrets,daemonsets,deployments,serviceaccounts"
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for one in cluster.items(kinds, "-A")
    }


@pytest.mark.parametrize("kubeconfig", [FROM_FILE, FROM_RESOURCE], ids=["known", "unknown"])
def test_everything_is_on_the_providers_cluster(
    kubeconfig: str, program: MakeProgram, ambient: Cluster, east: Cluster
) -> None:
    before = versions(ambient)
    made = program(kubeconfig=kubeconfig)
    preview = made.preview(STACK).check()
    unknown = kubeconfig == FROM_RESOURCE
    assert any(LEFT_OUT in one.message for one in preview.diagnostics) == unknown
    made.up(STACK).check()
    assert len(marks(east)) == 4
    assert {*live.networks(east)} == {"default/lan"}
    assert live.releases(east) == {"multus", "multus-crd"}
    assert versions(ambient) == before
    assert made.preview(STACK).check().changes == ()
    made.destroy(STACK).check()
    assert live.workloads(east) == set()
    assert versions(ambient) == before


def test_control_commands_that_do_not_follow_it_change_the_other_cluster(
    program: MakeProgram, ambient: Cluster
) -> None:
    assert marks(ambient) == set()
    program(before=UNPROTECTED).up(STACK)
    assert len(marks(ambient)) == 4
    assert live.releases(ambient) == set()


def test_two_clusters_are_refused_by_name_and_neither_changes(
    program: MakeProgram, ambient: Cluster, east: Cluster
) -> None:
    before = [versions(one) for one in (ambient, east)]
    made = program(others=", access=Access()")
    for run in (made.preview, made.up):
        error = one_error(run(STACK))
        assert f'provider "east" in opts reaches context "{CONTEXT}" at {east.server}' in error
        assert f'but access= reaches context "{CONTEXT}" at {ambient.server}' in error
    assert [versions(one) for one in (ambient, east)] == before
