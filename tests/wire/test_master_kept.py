"""A macvlan that becomes an ipvlan under running pods: what the warning says is so on a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from testbed.node.cni import CniError
from tests.wire.deployed import STACK, Deployed

RULE: Final = "[master-kept-by-pods]"
NETWORK: Final = "default/kept"


def lan(kind: str) -> dict[str, Any]:
    ipam = {"type": "whereabouts", "range": "192.168.27.0/24"}
    return {"networks": [{"name": "kept", "type": kind, "master": "eth1", "ipam": ipam}]}


@pytest.fixture(scope="module")
def site(redeployed: Callable[..., Deployed]) -> Deployed:
    return redeployed(ipam="whereabouts", **lan("macvlan"))


def warnings(site: Deployed) -> list[str]:
    return [one for one in site.checkout.preview(STACK).check().warnings if RULE in one]


def test_pods_of_the_other_kind_keep_the_master_as_the_warning_says(site: Deployed) -> None:
    taken, free = site.nodes
    old = site.pod(taken, NETWORK)
    site.checkout.configure(STACK, lan("ipvlan"))
    [warning] = warnings(site)
    assert f"default/{old.name}" in warning

    site.up()
    with pytest.raises(CniError, match="device or resource busy"):
        site.pod(taken, NETWORK)
    # Control: where no pod keeps it one starts, and then the other way round.
    site.pod(free, NETWORK)
    site.stop_pods()
    site.pod(taken, NETWORK)


def test_without_running_pods_nothing_is_said(site: Deployed) -> None:
    site.stop_pods()
    site.checkout.configure(STACK, lan("macvlan"))
    assert warnings(site) == []
