"""What makes the program quick stays so. No times: what was asked of the API server, and how.

The cluster is one of its own, whose API server writes down what it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.cluster import Cluster
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram

PROPAGATION = "pulumi.com/deletionPropagationPolicy"
# Helm's own and the networks' are most of them: of releases that are new or the same.
MOST_OF_UP = 150
MOST_OF_PREVIEW = 40


@pytest.fixture(scope="module")
def audited(tools: Tools) -> Iterator[Cluster]:
    with Cluster.start(tools, audited=True) as cluster:
        cluster.add_nodes(3)
        yield cluster


def test_networks_go_at_once_and_requests_are_bounded(
    audited: Cluster, program: MakeProgram
) -> None:
    """A life. The control arm is a network whose owner wants the foreground."""
    kept = {PROPAGATION: "foreground"}
    base = {"type": "macvlan", "master": "eth1"}
    networks = [{"name": "plain", **base}, {"name": "slow", **base, "annotations": kept}]
    checkout = program("prod", audited, protect=False, networks=networks)

    before = audited.plane.requests().total()
    checkout.up("prod").check()
    assert audited.plane.requests().total() - before <= MOST_OF_UP

    found = {
        one["metadata"]["name"]: one["metadata"]["annotations"][PROPAGATION]
        for one in audited.items(live.NETWORKS, "-A")
    }
    assert found == {"plain": "background", "slow": "foreground"}

    at_preview = audited.plane.requests()
    checkout.preview("prod").check()
    asked = audited.plane.requests() - at_preview
    assert asked.total() <= MOST_OF_PREVIEW
    assert asked.keys() <= {"get", "list", "watch", "patch"}  # patch: dry runs

    with audited.plane.frozen("kube-controller-manager"):  # with the garbage collector in it
        checkout.configure("prod", {"networks": networks[1:]})
        checkout.up("prod").check()
        assert live.networks(audited).keys() == {"default/slow"}
        audited.kubectl(*("delete", live.NETWORKS, "slow", "--cascade=foreground", "--wait=false"))
        assert live.networks(audited).keys() == {"default/slow"}
    checkout.destroy("prod").check()
