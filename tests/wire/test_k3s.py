"""K3s before and after its CNI plugins moved to a directory that upgrades leave alone, and
without its own flannel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testbed.node.cni import CniError
from testbed.node.layout import Layout
from testbed.node.node import Node
from tests.wire.deployed import HOST_LOCAL, K3S, TIMEOUT_SECONDS, Deployed
from tests.wire.stream import stream

OLD, NEW = "v1.31.1+k3s1", "v1.31.2+k3s1"
WARNING = "[plugins-lost-on-upgrade]"


def on(version: str) -> dict[str, str]:
    return {**K3S, "version": version}


@pytest.fixture(scope="module")
def stack(declared: Callable[..., Deployed]) -> Deployed:
    # What the Node objects say stays one version, which preflight would find.
    return declared(ipam="host-local", networks=HOST_LOCAL, cluster=on(NEW), preflight="off")


def started(stack: Deployed, layout: Callable[[], Layout]) -> Node:
    """A fresh node, on which `up` is yet to come."""
    return stack.start_nodes(layout, names=["node-1"], settled=False)[0]


@pytest.mark.parametrize("moved", [False, True], ids=["within the old layout", "across the move"])
def test_an_upgrade_from_the_old_layout_breaks_it_as_the_warning_says(
    stack: Deployed, *, moved: bool
) -> None:
    node = started(stack, lambda: Layout.k3s(moved=False))
    assert node.layout.bin_dir == "/var/lib/rancher/k3s/data/first/bin"
    result = stack.up(cluster=on(OLD))
    assert any(WARNING in warning for warning in result.warnings)
    pair = stack.pods([node, node], "default/lan")

    with stream(pair[0], pair[1]) as seen:
        node.upgrade(Layout.k3s(moved=moved, release="second"))
        with pytest.raises(CniError, match='failed to find plugin "multus" in path'):
            stack.pod(node, "default/lan")
        # "until this stack was deployed again with the new version"
        if moved:
            waiting = node.pod(networks=stack.annotation("default/lan"))
            waiting.create()
            stack.up(cluster=on(NEW))
            until = ("--for=condition=Ready", "--timeout=60s")
            stack.cluster.kubectl("wait", f"pod/{waiting.name}", *until, timeout=70)
            # With net1, unless it started in the moment in which the node had no Multus.
            assert "eth0" in waiting.links()
            assert "net1" in stack.pod(node, "default/lan").links()
    assert seen.sent > 50
    assert seen.lost == []


def test_an_upgrade_of_the_new_layout_breaks_nothing(stack: Deployed) -> None:
    node = started(stack, Layout.k3s)
    result = stack.up(cluster=on(NEW))
    assert not any(WARNING in warning for warning in result.warnings)
    pod = stack.pod(node, "default/lan")
    node.upgrade(Layout.k3s(release="second"))
    assert "net1" in stack.pod(node, "default/lan").links()
    pod.stop()  # what was started before can also end


def test_another_data_directory_is_followed(stack: Deployed) -> None:
    where = {**on(NEW), "dataDir": "/mnt/fast/k3s"}
    node = started(stack, lambda: Layout.k3s(data="/mnt/fast/k3s"))
    stack.up(cluster=where)
    assert "net1" in stack.pod(node, "default/lan").links()


@pytest.mark.parametrize(
    "distribution",
    [
        {"distribution": "rke2", "version": "v1.34.2+rke2r1"},
        {
            "distribution": "custom",
            "confDir": "/etc/cni/net.d",
            "binDir": "/opt/cni/bin",
            "clusterCidr": ["10.42.0.0/16"],
            "serviceCidr": ["10.43.0.0/16"],
        },
    ],
    ids=["rke2", "custom"],
)
def test_the_standard_directories_are_rke2s_and_others(
    distribution: dict[str, Any], stack: Deployed
) -> None:
    node = started(stack, Layout)
    stack.up(cluster={**distribution, "nodes": "multi"})
    assert {"eth0", "net1"} <= set(stack.pod(node, "default/lan").links())


def test_without_flannel_the_standard_directories_are_read(stack: Deployed) -> None:
    """K3s with --flannel-backend=none and another CNI."""
    node = started(stack, lambda: Layout(flannel=False))
    # The control arm: a stack that says nothing of it looks where K3s has no default network.
    with pytest.raises(AssertionError, match="DaemonSet/multus"):
        stack.up(cluster=on(NEW), timeout=20)
    stack.up(cluster={**on(NEW), "flannel": False}, timeout=TIMEOUT_SECONDS)
    assert {"eth0", "net1"} <= set(stack.pod(node, "default/lan").links())
