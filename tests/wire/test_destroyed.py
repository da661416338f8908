"""`destroy` on real nodes: what starts there after it, and what a node that was down needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from components.cluster_tasks.removal import of_nodes
from testbed.kubectl import condition
from testbed.node.pod import REFUSED
from tests.wire.deployed import HOST_LOCAL, STACK, Deployed

KEPT: Final = "/run/kept"


@pytest.fixture(scope="module")
def site(redeployed: Callable[..., Deployed]) -> Deployed:
    return redeployed(ipam="host-local", networks=HOST_LOCAL)


def test_pods_start_on_every_node_after_destroy(site: Deployed) -> None:
    folder = site.nodes[0].layout.conf_dir
    for node in site.nodes:
        assert site.pod(node, "default/lan").addresses()
        node.space.check("cp", "-a", folder, KEPT)
    site.stop_pods()

    said = "\n".join(one.message for one in site.checkout.destroy(STACK).check().diagnostics)
    assert "Multus's pods are gone" in said
    assert "is not ready" not in said
    for node in site.nodes:
        left = {one.name for one in node.space.path(folder).iterdir()}
        assert left == {"10-flannel.conflist", "multus.d"}
        pod = node.pod()
        pod.start()
        assert {*pod.links()} == {"lo", "eth0"}
    site.stop_pods()

    # The control arm: a node that was down has its files yet. `destroy` names such nodes, with the
    # command that cleans each.
    away = site.nodes[1]
    away.space.check("sh", "-c", f"cp -a {KEPT}/. {folder}")
    pod = away.pod()
    pod.create()
    site.cluster.wait_for(lambda: "multus" in str(pod.events(REFUSED)), "a refusal by Multus", 60)
    [line] = of_nodes([away.name], {"MULTUS_CONF_DIR": folder})
    away.space.check("sh", "-c", line.partition("run on it: ")[2])
    site.cluster.wait_for(lambda: condition(pod.found(), "Ready") == "True", "the pod to run", 60)
    assert {*pod.links()} == {"lo", "eth0"}
