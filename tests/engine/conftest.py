"""The real engine and a real control plane, for the tests of this folder.

No test here is skipped for want of a tool: what is not on PATH is built. Only where that cannot be
(there is no Go) they are skipped, and say so; where there is Go, a skip is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from testbed.building import ToolError
from testbed.cluster import Cluster
from testbed.engine import Engine, Workspace
from testbed.leftovers import Leftovers
from testbed.tools import ROOT, Tools, find_tools
from tests.checkouts import with_examples
from tests.used import USED

NODES = 3
# Reasons for a skip that no tool mends.
NOT_FOR_TOOLS = (
    "the official plugin is on PATH, and it does assets",
    "sockets are read from /proc",
    "the project is not in a git repository",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 (pytest passes by name)
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the tools can be had, a skipped test of this folder is a failure."""
    report = yield
    if report.skipped and shutil.which("go") and not said(report).endswith(NOT_FOR_TOOLS):
        report.outcome = "failed"
        report.longrepr = f"skipped, although Go is here: {call.excinfo}"
    return report


def said(report: pytest.TestReport) -> str:
    """The reason of a skip."""
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)


class MakeWorkspace(Protocol):
    """Copies a project for the engine to work in: the repository's own has the example stacks."""

    def __call__(
        self,
        source: Path = ...,
        *,
        cluster: Cluster | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> Workspace: ...


def charts_used() -> str:
    folder = os.environ.get("RKE2_CHARTS")
    return f"the published packages in {folder}" if folder else "stand-ins (testbed/charts)"


@pytest.fixture(scope="session")
def tools() -> Tools:
    try:
        found = find_tools("engine")
    except ToolError as error:
        if shutil.which("go") is None:
            pytest.skip(str(error))
        pytest.fail(str(error), pytrace=False)
    USED["what was real"] = [*found.summary(), f"charts: {charts_used()}"]
    return found


@pytest.fixture(scope="session")
def shared_cluster(tools: Tools) -> Iterator[tuple[Cluster, Leftovers]]:
    """One control plane for all tests, with what it held before the first."""
    with Cluster.start(tools) as cluster:
        cluster.add_nodes(NODES)
        yield cluster, cluster.leftovers()


@pytest.fixture
def cluster(shared_cluster: tuple[Cluster, Leftovers]) -> Iterator[Cluster]:
    """The shared cluster with three Ready nodes; what a test makes in it is removed after it."""
    found, leftovers = shared_cluster
    yield found
    leftovers.remove()


@pytest.fixture
def engine(tools: Tools, tmp_path: Path) -> Engine:
    """An engine with an empty backend."""
    return Engine.create(tools, tmp_path / "engine")


@pytest.fixture
def workspace(engine: Engine) -> MakeWorkspace:
    def make(
        source: Path = ROOT,
        *,
        cluster: Cluster | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Workspace:
        reach = {"KUBECONFIG": str(cluster.kubeconfig)} if cluster else {}
        made = engine.workspace(source, env={**reach, **(env or {})})
        return with_examples(made) if source == ROOT else made

    return make
