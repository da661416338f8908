"""Another IPAM under running pods: the warning names addresses, and these are given out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.wire.deployed import STACK, Deployed
from tests.wire.test_hostlocal import reservations

RULE: Final = "[addresses-counted-anew]"
BY_HOST_LOCAL: Final = {
    "type": "host-local",
    "subnet": "192.168.24.0/24",
    "gateway": "192.168.24.1",
}
BY_WHEREABOUTS: Final = {
    "type": "whereabouts",
    "range": "192.168.24.0/24",
    "gateway": "192.168.24.1",
}


def lan(ipam: dict[str, str], *allow: str) -> dict[str, Any]:
    found = {"name": "moved", "type": "macvlan", "master": "eth1", "ipam": ipam}
    return {"networks": [{**found, **({"allow": [*allow]} if allow else {})}]}


@pytest.fixture(scope="module")
def site(redeployed: Callable[..., Deployed]) -> Deployed:
    network = lan(BY_HOST_LOCAL, "host-local-on-several-nodes")
    return redeployed(ipam="host-local", **network)


def test_what_running_pods_hold_is_given_out_again_as_the_warning_says(site: Deployed) -> None:
    node = site.nodes[0]
    old = site.pods([node, node], "default/moved")
    held = {str(pod.addresses()[0].ip): pod for pod in old}
    assert {*held} == {"192.168.24.2", "192.168.24.3"}
    switch = {"ipam": "whereabouts", "additionalIpam": ["host-local"], **lan(BY_WHEREABOUTS)}
    site.checkout.configure(STACK, switch)

    [warning] = [one for one in site.checkout.preview(STACK).check().warnings if RULE in one]
    for address, pod in held.items():
        assert f"{address} of default/{pod.name}" in warning

    said = site.up()
    site.settle()
    assert any(RULE in one for one in said.warnings)
    [new] = site.pods([site.nodes[1]], "default/moved")
    assert str(new.addresses()[0].ip) in held, "the warning was true"
    doubled = [one for one in site.doctor() if one["check"] == "duplicate"]
    assert {one["subject"] for one in doubled} >= {str(new.addresses()[0].ip)}

    # Pods that end give their addresses back to the plugin that gave them.
    assert {*held} <= reservations(node, "moved")
    site.stop_pods()
    assert not {*held} & reservations(node, "moved")


def test_without_running_pods_nothing_is_at_stake(site: Deployed) -> None:
    """The safe order of docs/upgrading.md; the control arm of the warning."""
    back = {"ipam": "host-local", "additionalIpam": ["whereabouts"]}
    network = lan(BY_HOST_LOCAL, "host-local-on-several-nodes")
    site.checkout.configure(STACK, {**back, **network})
    said = site.checkout.preview(STACK).check()
    assert {one.name for one in said.changes} >= {"multus-default.moved"}
    assert not [one for one in said.warnings if RULE in one]
