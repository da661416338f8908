"""What must stop a run: one clear error, a nonzero exit, and nothing half-made."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest

from testbed.charts.faults import Tampered
from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.results import Result
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram, kubeconfig
from tests.stacks.files import ROOT

FAULTY = ROOT / "tests" / "stacks" / "faulty"


def nothing_was_made(
    checkout: Workspace, stack: str, cluster: Cluster, beside: Collection[str] = ()
) -> None:
    resources = checkout.state(stack)["deployment"].get("resources", [])
    theirs = {"pulumi:pulumi:Stack", *beside}
    ours = [one["type"] for one in resources if one["type"] not in theirs]
    assert ours == []
    assert live.crds(cluster) == set()
    assert live.workloads(cluster) == set()


def one_error(result: Result) -> str:
    """The program's error, which the engine reports once and then says that the run failed."""
    assert not result.ok
    said = {error.strip() for error in result.errors if "Traceback" not in error}
    assert not any("Traceback" in error for error in result.errors), result.errors
    mine = {error for error in said if error not in ("update failed", "preview failed")}
    assert len(mine) == 1, mine
    return mine.pop()


@pytest.mark.parametrize("name", ["three-kinds-at-once", "unquoted-chart-version"])
def test_a_faulty_stack_file_says_exactly_what_was_reviewed(
    name: str, cluster: Cluster, program: MakeProgram
) -> None:
    lines = (FAULTY / f"{name}.yaml").read_text().splitlines()
    reviewed = [f"  {line.removeprefix('#! ')}" for line in lines if line.startswith("#! ")]
    checkout = program("dev", cluster)
    checkout.write_stack("dev", "\n".join(line for line in lines if not line.startswith("#! ")))
    for run in (checkout.preview, checkout.up):
        head, *said = one_error(run("dev")).splitlines()
        assert head.startswith("stacks/Pulumi.dev.yaml cannot be deployed; nothing was changed: ")
        assert said == reviewed
    nothing_was_made(checkout, "dev", cluster)


def test_a_slip_in_the_namespace_is_refused(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("dev", cluster)
    file = checkout.path / "stacks" / "Pulumi.dev.yaml"
    checkout.write_stack("dev", file.read_text() + "  mutlus:registry: mirror.lan\n")
    said = 'mutlus:registry is read by nothing. Did you mean "multus:registry"?'
    assert said in one_error(checkout.preview("dev"))


@pytest.mark.parametrize("name", ["networks", "boolean", "timeout"])
def test_a_wrong_type_of_a_whole_key_is_refused_by_the_cli_itself(
    name: str, cluster: Cluster, program: MakeProgram
) -> None:
    """It checks Pulumi.yaml's types first. The goldens of these are for the library's users."""
    text = (FAULTY / f"wrong-type-of-{name}.yaml").read_text()
    key = {"boolean": "namespaceIsolation", "timeout": "timeout"}.get(name, "networks")
    checkout = program("dev", cluster)
    checkout.write_stack("dev", text)
    result = checkout.up("dev")
    assert not result.ok
    assert f"multus:{key}" in result.stderr
    assert result.errors == ()  # the program was not run
    nothing_was_made(checkout, "dev", cluster)


def test_a_chart_repository_that_is_away(
    cluster: Cluster, program: MakeProgram, repository: Repository
) -> None:
    checkout = program("dev", cluster)
    with repository.stopped():
        error = one_error(checkout.up("dev"))
    assert error.startswith(f"the chart repository {repository.url} does not give ")
    assert "multus:chart.path" in error
    nothing_was_made(checkout, "dev", cluster)
    checkout.up("dev").check()  # and the next one puts it right


def test_a_package_that_was_tampered_with(
    cluster: Cluster, program: MakeProgram, repository: Repository
) -> None:
    checkout = program("dev", cluster)
    with repository.failing(Tampered(), on="*.tgz"):
        error = one_error(checkout.up("dev"))
    assert "it is not the package that was published" in error
    nothing_was_made(checkout, "dev", cluster)


def test_a_missing_kubeconfig(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    checkout = program("dev")
    error = one_error(checkout.up("dev", env={"KUBECONFIG": str(tmp_path / "none.yaml")}))
    assert (
        error == f"KUBECONFIG names {tmp_path / 'none.yaml'}, which is no file. Nothing was changed"
    )
    nothing_was_made(checkout, "dev", cluster)


def test_a_cluster_that_does_not_answer(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    dead = kubeconfig(cluster, tmp_path / "dead.yaml", server="https://127.0.0.1:9")
    checkout = program("dev", cluster)
    error = one_error(checkout.up("dev", env={"KUBECONFIG": dead}))
    assert "the cluster does not answer" in error
    assert live.crds(cluster) == set()
    checkout.up("dev").check()  # and with the cluster back the next one puts it right


def test_crds_of_a_foreign_release_stop_the_run(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("dev", cluster)
    checkout.up("dev").check()
    checkout.destroy("dev").check()
    mark = "meta.helm.sh/release-name=rke2-multus"
    cluster.kubectl("annotate", "--overwrite", live.NETWORKS_CRD, mark)
    result = checkout.up("dev")
    assert not result.ok
    assert any("belongs to Helm release rke2-multus" in error for error in result.errors)
    assert live.workloads(cluster) == set()


def test_the_repository_stays_clean(cluster: Cluster, program: MakeProgram) -> None:
    """The CLI rewrites a stack file that it uses; it must only ever see copies."""
    git = shutil.which("git")
    assert git is not None
    status = [git, "status", "--porcelain", "stacks", "Pulumi.yaml"]
    before = subprocess.run(status, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    checkout = program("dev", cluster)
    checkout.up("dev").check()
    assert "encryptionsalt" in checkout.stack_file("dev").read_text()
    after = subprocess.run(status, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert after == before
