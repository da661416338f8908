"""Nodes in namespaces, pods with real addresses: what `up` declared, run by the real binaries.

A worker has one control plane, and each module deploys its stack once. Without root or
namespaces the tests are skipped and say so; where nodes can be had, a skip is a failure.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator, Sequence

import pytest

from testbed.building import ToolError
from testbed.cluster import Cluster
from testbed.engine import Engine
from testbed.node.node import obstacle
from testbed.tools import Tools, find_tools
from testbed.toolsets import Group
from tests.engine.conftest import charts_used
from tests.engine.program.conftest import ChartSettings, chart, repository
from tests.used import USED
from tests.wire.deployed import Deployed
from tests.wire.parser import Parser

__all__ = ["chart", "repository"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 (pytest passes by name)
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nodes and tools can be had, a skipped test of this folder is a failure."""
    report = yield
    if report.skipped and shutil.which("go") and obstacle() is None:
        report.outcome = "failed"
        report.longrepr = f"skipped, although nodes can be had here: {call.excinfo}"
    return report


def found_or_skipped(*groups: Group) -> Tools:
    try:
        return find_tools(*groups)
    except ToolError as error:
        if shutil.which("go") is None:
            pytest.skip(str(error))
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def wire_tools() -> Tools:
    """For what needs no node, no cluster and no root."""
    return found_or_skipped("wire")


@pytest.fixture(scope="session")
def parser(wire_tools: Tools) -> Iterator[Parser]:
    with Parser(wire_tools.path("cni-parser")) as found:
        yield found


@pytest.fixture(scope="session")
def tools() -> Tools:
    if (reason := obstacle()) is not None:
        pytest.skip(f"no real node can be had: {reason}")
    found = found_or_skipped("engine", "wire", "nodes")
    USED["what was real on the wire"] = [
        *find_tools("wire", "nodes").summary(),
        f"charts: {charts_used()}",
        "runc, iptables: real, of this machine",
        "container images: put together from the programs above (testbed/node/images.py)",
        "DHCP server, flannel's CNI plugin: stand-ins (testbed)",
    ]
    return found


@pytest.fixture(scope="session")
def cluster(tools: Tools) -> Iterator[Cluster]:
    """A control plane for real nodes; each module brings its own."""
    with Cluster.start(tools, real=True) as found:
        yield found


@pytest.fixture(scope="module")
def declared(
    tools: Tools, cluster: Cluster, chart: ChartSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Deployed]]:
    """Writes a stack, without nodes yet; what it made is removed after the module."""
    made: list[Deployed] = []
    leftovers = cluster.leftovers()

    def declare(versions: Sequence[str] = (), **settings: object) -> Deployed:
        engine = Engine.create(tools, tmp_path_factory.mktemp("engine"))
        made.append(Deployed(engine, cluster, {"chart": chart(), **settings}, versions))
        return made[-1]

    yield declare
    for found in made:
        found.stop_nodes()
    leftovers.remove()


@pytest.fixture(scope="module")
def deployed(declared: Callable[..., Deployed]) -> Callable[..., Deployed]:
    """Deploys a stack on fresh nodes of K3s."""

    def deploy(**settings: object) -> Deployed:
        stack = declared(**settings)
        stack.start_nodes()
        stack.up()
        return stack

    return deploy


@pytest.fixture(scope="session")
def shared(
    tools: Tools, cluster: Cluster, chart: ChartSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """One stack on two nodes, which one module after another changes to what it needs."""
    leftovers = cluster.leftovers()
    engine = Engine.create(tools, tmp_path_factory.mktemp("engine"))
    site = Deployed(engine, cluster, {"chart": chart()})
    yield site
    site.stop_nodes()
    leftovers.remove()


@pytest.fixture(scope="module")
def redeployed(shared: Deployed, chart: ChartSettings) -> Iterator[Callable[..., Deployed]]:
    """Deploys what a module declares on the nodes of the module before; its pods end with it."""

    def deploy(**settings: object) -> Deployed:
        shared.declare({"chart": chart(), **settings})
        shared.living_nodes()
        shared.up()
        shared.settle()
        return shared

    yield deploy
    shared.stop_pods()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who shares a stack comes last: the others need a cluster that has none."""
    items.sort(key=lambda item: "shared" in getattr(item, "fixturenames", ()))
