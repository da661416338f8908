"""Who may use which network: the table that namespaceIsolation and globalNamespaces make."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from testbed.node.cni import CniError
from tests.wire.deployed import Deployed

SPACES = ("default", "own", "shared", "other")
NETWORKS = [
    {
        "name": "lan",
        "allow": ["host-local-on-several-nodes"],
        "namespace": space,
        "type": "macvlan",
        "master": "eth1",
        "ipam": {"type": "host-local", "subnet": f"192.168.{number}.0/24"},
    }
    for number, space in enumerate(SPACES, 50)
]
DENIED = "namespace isolation enabled"
# A pod in the namespace `own` asks for the network of each namespace.
TABLE: list[tuple[str, dict[str, Any], dict[str, bool]]] = [
    (
        "isolated",
        {},
        {"default": True, "own": True, "shared": False, "other": False},
    ),
    (
        "isolated, with a global namespace, which default then is not by itself",
        {"globalNamespaces": ["shared"]},
        {"default": False, "own": True, "shared": True, "other": False},
    ),
    (
        "isolated, with both named",
        {"globalNamespaces": ["default", "shared"]},
        {"default": True, "own": True, "shared": True, "other": False},
    ),
    (
        "not isolated",
        {"namespaceIsolation": False, "globalNamespaces": None},
        {"default": True, "own": True, "shared": True, "other": True},
    ),
]


@pytest.fixture(scope="module")
def stack(redeployed: Callable[..., Deployed]) -> Deployed:
    return redeployed(ipam="host-local", networks=NETWORKS, createNamespaces=True)


@pytest.mark.parametrize(("name", "settings", "table"), TABLE, ids=[row[0] for row in TABLE])
def test_who_may_use_which_network(
    name: str, settings: dict[str, Any], table: dict[str, bool], stack: Deployed
) -> None:
    stack.up(**settings)
    node = stack.nodes[0]

    def becomes(space: str) -> str:
        pod = node.pod("own", networks=stack.annotation(f"{space}/lan"))
        try:
            pod.start()
        except CniError as error:
            return DENIED if DENIED in str(error) else str(error)
        return "net1" if "net1" in pod.links() else "no net1"

    with ThreadPoolExecutor(len(SPACES)) as together:
        found = dict(zip(SPACES, together.map(becomes, SPACES), strict=True))
    stack.stop_pods()
    assert found == {space: "net1" if table[space] else DENIED for space in SPACES}, name
