"""K3s before and after its CNI plugins moved to a directory that upgrades leave alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.node.runtime import CniError
from tests.wire.deployed import K3S, Deployed

NETWORKS = [
    {
        "name": "lan",
        "allow": ["host-local-on-several-nodes"],
        "type": "macvlan",
        "master": "eth1",
        "ipam": {"type": "host-local", "subnet": "192.168.10.0/24"},
    }
]
OLD, NEW = "v1.30.5+k3s1", "v1.30.6+k3s1"
WARNING = "[plugins-lost-on-upgrade]"


def on(version: str) -> dict[str, str]:
    return {**K3S, "version": version}


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    # What the Node objects say stays one version, which preflight would find.
    return deployed(ipam="host-local", networks=NETWORKS, cluster=on(OLD), preflight="off")


@pytest.mark.parametrize("moved", [False, True], ids=["within the old layout", "across the move"])
def test_an_upgrade_from_the_old_layout_breaks_it_as_the_warning_says(
    stack: Deployed, *, moved: bool
) -> None:
    result = stack.up(cluster=on(OLD))
    assert any(WARNING in warning for warning in result.warnings)
    node = stack.start_nodes(moved=False)[0]
    assert node.k3s.bin_dir == "/var/lib/rancher/k3s/data/first/bin"
    assert "net1" in stack.pod(node, "default/lan").links()

    node.k3s.upgrade("second", moved=moved)
    with pytest.raises(CniError, match='failed to find plugin "multus" in path'):
        stack.pod(node, "default/lan")

    # "until this stack was deployed again with the new version"
    if moved:
        stack.up(cluster=on(NEW))
        node.deploy()
        node.await_ready()
        assert "net1" in stack.pod(node, "default/lan").links()


def test_an_upgrade_of_the_new_layout_breaks_nothing(stack: Deployed) -> None:
    result = stack.up(cluster=on(NEW))
    assert not any(WARNING in warning for warning in result.warnings)
    node = stack.start_nodes()[0]
    pod = stack.pod(node, "default/lan")
    node.k3s.upgrade("second", moved=True)
    assert "net1" in stack.pod(node, "default/lan").links()
    pod.stop()  # what was started before can also end


def test_another_data_directory_is_followed(stack: Deployed) -> None:
    where = {**on(NEW), "dataDir": "/mnt/fast/k3s"}
    stack.up(cluster=where)
    node = stack.start_nodes(data="/mnt/fast/k3s")[0]
    assert "net1" in stack.pod(node, "default/lan").links()
