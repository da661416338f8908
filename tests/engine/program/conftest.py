"""The program itself on the real engine: the example stacks, on stand-in charts.

The charts come from a local repository over HTTP. They are the stand-ins of `testbed/charts`, or
real packages where RKE2_CHARTS names a folder of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.nodes import K3S
from tests.engine.conftest import MakeWorkspace
from tests.library import install

SPLIT = "v4.3.017"
IN_CHART = "v4.2.418"
TIMEOUT_SECONDS = 60
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with Repository([SPLIT, IN_CHART], tmp_path_factory.mktemp("charts")) as found:
        yield found


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library as pip installs it."""
    return install(tmp_path_factory.mktemp("library"))


class ChartSettings(Protocol):
    def __call__(self, version: str = ...) -> dict[str, str]: ...


@pytest.fixture(scope="session")
def chart(repository: Repository) -> ChartSettings:
    """`multus:chart` for a version of the local repository."""

    def settings(version: str = SPLIT) -> dict[str, str]:
        return repository.packages[version].settings(repository.url)

    return settings


def edit(checkout: Workspace, file: str, changes: Mapping[str, str]) -> str:
    """Replaces what is once in a file of a checkout; the text that it had."""
    path = checkout.path / file
    before = text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)
    return before


def kubeconfig(cluster: Cluster, file: Path, *, server: str = "", **changes: Any) -> str:
    """A copy with changes, where None takes a key away; `server` is another address."""
    config = yaml.safe_load(cluster.kubeconfig.read_text()) | changes
    if server:
        config["clusters"][0]["cluster"]["server"] = server
    file.write_text(yaml.safe_dump({k: v for k, v in config.items() if v is not None}))
    return str(file)


def account(cluster: Cluster, name: str, role: str, file: Path) -> Path:
    """A kubeconfig of a service account with a ClusterRole, by its token."""
    meta = {"name": name, "namespace": "default"}
    cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    cluster.apply(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{name}-{role}"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        }
    )
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", name).strip()}
    file.write_text(yaml.safe_dump(config))
    return file


class MakeProgram(Protocol):
    def __call__(
        self, stack: str, cluster: Cluster | None = ..., /, **settings: Any
    ) -> Workspace: ...


@pytest.fixture
def program(workspace: MakeWorkspace, chart: ChartSettings) -> MakeProgram:
    """A checkout with the example stacks, which takes its chart from the local repository."""

    def make(stack: str, cluster: Cluster | None = None, /, **settings: Any) -> Workspace:
        checkout = workspace(cluster=cluster)
        base = {"chart": chart(), "timeout": TIMEOUT_SECONDS}
        if stack == "dev":
            # It is for one node, the tests' shared cluster has three, and preflight would say so.
            base["preflight"] = "off"
        elif stack == "prod":
            # Its nodes have a file each; test_fail_closed.py has such nodes.
            base["cluster"] = {"distribution": "k3s", "version": K3S, "nodes": "multi"}
        checkout.configure(stack, base | settings)
        return checkout

    return make
