"""Arguments that a program in Python gives: each call reports all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any, Final

import pytest

from components import (
    ArgsError,
    K3s,
    Macvlan,
    MultusArgs,
    Selection,
    Whereabouts,
    pod_annotation,
)

RANGE: Any = ip_network("10.0.0.0/24")
MINE: Final = Macvlan(name="lan", master="eth1", ipam=Whereabouts(range=RANGE))
CLUSTER: Final = K3s(version="v1.34.2+k3s1", nodes="multi")
BASE: Final[dict[str, Any]] = {"cluster": CLUSTER, "ipam": "dhcp"}


def nested(levels: int) -> Any:
    return {"a": [nested(levels - 1)]} if levels else "x"


# a call -> head of its error, and where each finding is
CALLS: Final[dict[str, tuple[Callable[[], Any], str, list[tuple[str | int, ...]]]]] = {
    "everything of a call": (
        lambda: MultusArgs(networks=(MINE,), timeout=5, protekt=True, **BASE),  # type: ignore[call-arg]
        "MultusArgs has 2 errors:",
        [("protekt",), ("timeout",)],
    ),
    "rules over what is sound": (
        lambda: MultusArgs(networks=(MINE,), **BASE),
        "MultusArgs has 1 error:",
        [("networks", 0, "ipam", "type")],
    ),
    "mappings inside of a call": (
        lambda: MultusArgs(networks=({"name": "Lan", "type": "macvlan", "mtu": 1},), **BASE),  # type: ignore[arg-type]
        "MultusArgs has 2 errors:",
        [("networks", 0, "name"), ("networks", 0, "mtu")],
    ),
    "an annotation": (
        lambda: pod_annotation([Selection(network=MINE, interface="eth0")], CLUSTER, []),
        "pod_annotation has 2 errors:",
        [("selections", 0, "network"), ("selections", 0, "interface")],
    ),
    "another class's kind": (
        lambda: Macvlan(type="vlan", name="lan", master="eth1"),  # type: ignore[arg-type]
        "Macvlan has 1 error:",
        [("type",)],
    ),
    "what is nested beyond reason": (
        lambda: Macvlan(name="lan", master="eth1", labels=nested(200)),
        "Macvlan has 1 error:",
        [("labels",)],
    ),
}


@pytest.mark.parametrize(("call", "head", "places"), CALLS.values(), ids=CALLS)
def test_a_call_reports_all_that_is_wrong_each_on_a_line(
    call: Callable[[], Any], head: str, places: list[tuple[str | int, ...]]
) -> None:
    with pytest.raises(ArgsError) as caught:
        call()
    first, *lines = str(caught.value).splitlines()
    assert first == head
    assert len(lines) == len(places)
    assert sorted(map(str, (one.path for one in caught.value.findings))) == sorted(map(str, places))
