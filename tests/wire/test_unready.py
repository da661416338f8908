"""What `up` says of nodes on which Multus cannot get ready: last log line, last warning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from testbed.node.images import PAUSE, POD
from testbed.node.node import Node
from tests.wire.deployed import STACK, Deployed

TIMEOUT_SECONDS = 40  # in which a slow machine's kubelet has said what it cannot do
LATE = f"Multus is not ready after {TIMEOUT_SECONDS} s"
PLUGINS = "node node-{}, container cni-plugins: "


@dataclass(frozen=True)
class Case:
    """What becomes of each node, and what stands in the report."""

    spoil: tuple[Callable[[Node], object], Callable[[Node], object]]
    said: tuple[str, ...]


def no_image(node: Node) -> None:
    for name in set(node.ctr("images", "list", "--quiet").stdout.split()) - {PAUSE, POD}:
        node.ctr("images", "remove", "--sync", name)


def no_default_network(node: Node) -> None:
    """K3s with --flannel-backend=none, as long as there is no other CNI."""
    node.space.path(f"{node.layout.conf_dir}/10-flannel.conflist").unlink()
    node.cluster.kubectl(
        "wait", f"node/{node.name}", "--for=condition=Ready=False", "--timeout=60s"
    )


def read_only_disk(node: Node) -> None:
    node.space.check("mount", "--bind", node.layout.bin_dir, node.layout.bin_dir)
    node.space.check("mount", "-o", "remount,bind,ro", node.layout.bin_dir)


CASES = {
    "no default network": Case(
        (no_default_network, no_default_network), ("[no-default-cni]", "node-1, node-2")
    ),
    "an image, and a disk that can be written": Case(
        (no_image, read_only_disk),
        (
            *(LATE, f"{PLUGINS.format(1)}", "last warning: Failed", "hardened-cni-plugins"),
            *(f"{PLUGINS.format(2)}", "Read-only file system"),
        ),
    ),
}


@pytest.fixture(scope="module")
def stack(declared: Callable[..., Deployed]) -> Deployed:
    return declared(ipam="whereabouts", timeout=TIMEOUT_SECONDS)


@pytest.mark.parametrize("name", CASES)
def test_up_names_what_a_node_lacks(name: str, stack: Deployed) -> None:
    for node, spoil in zip(stack.start_nodes(settled=False), CASES[name].spoil, strict=True):
        spoil(node)
    errors = "\n".join(stack.checkout.up(STACK).errors)
    for said in CASES[name].said:
        assert said in errors
