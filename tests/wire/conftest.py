"""Nodes in namespaces, pods with real addresses: what `up` declared, run by the real binaries.

One control plane serves the folder, and each module deploys its stack once. Without root or
namespaces the tests are skipped and say so; where both are there, a skip is a failure.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from testbed.building import ToolError
from testbed.cluster import Cluster
from testbed.engine import Engine
from testbed.machines.node import obstacle as real_obstacle
from testbed.node.namespaces import obstacle
from testbed.tools import Tools, find_tools
from testbed.toolsets import Group
from tests.engine.conftest import charts_used
from tests.engine.program.conftest import ChartSettings, chart, repository
from tests.wire.deployed import Deployed
from tests.wire.parser import Parser
from tests.wire.site import Site

__all__ = ["chart", "repository"]

NODES = 2
USED: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which parts were real, at the end of every run that used any."""
    if USED:
        terminalreporter.section("what was real on the wire")
        for line in USED:
            terminalreporter.write_line(line)


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
        pytest.skip(f"a node needs root and namespaces: {reason}")
    found = found_or_skipped("engine", "wire")
    USED[:] = [
        *(used.line() for used in find_tools("wire").used),
        f"charts: {charts_used()}",
        "nodes: network, mount, process and host name namespaces of this machine's kernel",
        "container images: stand-ins, the programs above at the images' paths (testbed/node)",
        "DHCP server, K3s's default network: stand-ins (testbed/node)",
    ]
    return found


@pytest.fixture(scope="session")
def cluster(tools: Tools) -> Iterator[Cluster]:
    with Cluster.start(tools) as found:
        found.add_nodes(NODES)
        yield found


@pytest.fixture(scope="session")
def node_tools(tools: Tools) -> Tools:
    """Those of real nodes besides."""
    assert tools
    if (reason := real_obstacle()) is not None:
        pytest.skip(f"no real node: {reason}")
    return found_or_skipped("engine", "wire", "nodes")


@pytest.fixture(scope="session")
def real_cluster(node_tools: Tools) -> Iterator[Cluster]:
    """A control plane for real nodes; it has none yet."""
    with Cluster.start(node_tools, real=True) as found:
        yield found


@pytest.fixture(scope="module")
def make_site(
    node_tools: Tools,
    real_cluster: Cluster,
    chart: ChartSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], Site]]:
    """A stack to deploy on real nodes; what it made is removed after the module."""
    made: list[Site] = []
    leftovers = real_cluster.leftovers()

    def make() -> Site:
        engine = Engine.create(node_tools, tmp_path_factory.mktemp("engine"))
        made.append(Site(engine, real_cluster, chart()))
        return made[-1]

    yield make
    for found in made:
        found.stop()
    leftovers.remove()


@pytest.fixture(scope="module")
def deployed(
    tools: Tools, cluster: Cluster, chart: ChartSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Deployed]]:
    """Deploys a stack; what it made is removed after the module, nodes and objects."""
    made: list[Deployed] = []
    leftovers = cluster.leftovers()

    def deploy(**settings: object) -> Deployed:
        folder: Path = tmp_path_factory.mktemp("engine")
        found = Deployed(Engine.create(tools, folder), cluster, {"chart": chart(), **settings})
        made.append(found)
        found.up()
        return found

    yield deploy
    for found in made:
        found.close()
    leftovers.remove()
