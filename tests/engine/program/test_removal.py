"""`destroy`: it waits for the pods, and says what it leaves."""

from __future__ import annotations

from typing import Final

from testbed.cluster import Cluster
from testbed.objects import network
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.test_drift import IN, SETTINGS

THEIRS: Final = network("theirs", "{}")
STAYS: Final = "multus-testbed/stays"
CONF: Final = "/var/lib/rancher/k3s/agent/etc/cni/net.d"


def test_destroy_waits_for_the_pods_and_lists_what_stays(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("staging", cluster, **SETTINGS)
    checkout.up("staging").check()
    cluster.apply(THEIRS)
    pods = cluster.items("pods", *IN)
    [held] = [
        f"pod/{one['metadata']['name']}"
        for one in pods
        if one["metadata"]["name"].startswith("multus-") and one["spec"]["nodeName"] == "node-1"
    ]
    cluster.kubectl("label", held, f"{STAYS}=yes", *IN)
    cluster.set_ready("node-3", ready=False)
    running = checkout.start("destroy", "staging")
    try:
        cluster.wait_for(lambda: live.releases(cluster) == set(), "the end of the releases")
        cluster.wait_for(lambda: len(cluster.items("pods", *IN)) == 1, "that of the other pods")
        assert running.process.poll() is None
    finally:
        cluster.kubectl("label", held, f"{STAYS}-", *IN)
        result = running.wait().check()
        cluster.set_ready("node-3", ready=True)
    assert cluster.items("pods", *IN) == []
    said = "\n".join(one.message for one in result.diagnostics)
    assert "Multus's pods are gone" in said
    assert "left: 1 network-attachment-definitions that it does not own (default/theirs)" in said
    assert f"node node-3 is not ready. Before it takes pods again run on it: rm -rf {CONF}/" in said
    assert {*live.networks(cluster)} == {"default/theirs"}
    assert checkout.state("staging")["deployment"].get("resources", []) == []


def test_destroy_works_where_the_release_is_gone_already(
    cluster: Cluster, program: MakeProgram, tools: Tools
) -> None:
    checkout = program("staging", cluster, **SETTINGS)
    checkout.up("staging").check()
    live.helm(tools, cluster, "uninstall", "multus")
    # The control arm: the provider asks Helm to take what is not there.
    assert any("release: not found" in one for one in checkout.destroy("staging").errors)
    checkout.destroy("staging", refresh=True).check()
    assert live.networks(cluster) == {}
    assert checkout.state("staging")["deployment"].get("resources", []) == []
