"""Arguments that a program in Python gives: each call reports all that is wrong with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any, Final

import pulumi
import pytest
from pulumi import Output

from components import (
    ArgsError,
    K3s,
    Macvlan,
    MultusArgs,
    Raw,
    Selection,
    Whereabouts,
    pod_annotation,
)


@pytest.fixture(autouse=True)
def _own_loop() -> Iterator[None]:
    """Outputs that are left over would be waited for by the next program of a test."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    pulumi.runtime.reset_options()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.close()
    asyncio.set_event_loop(None)


def output() -> Output[str]:
    return Output.from_input("x")


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
        [("labels", "a")],
    ),
    "an Output, wherever it stands": (
        lambda: Macvlan(name="lan", master=output(), labels={"a": output()}),  # type: ignore[arg-type, dict-item]
        "Macvlan has 2 errors:",
        [("master",), ("labels", "a")],
    ),
    "an Output among raw values": (
        lambda: MultusArgs(extra_values={"image": {"tag": output()}}, **BASE),
        "MultusArgs has 1 error:",
        [("extra_values", "image", "tag")],
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


def test_a_copy_is_checked_as_a_call_is() -> None:
    args = MultusArgs(**{**BASE, "ipam": "whereabouts"}, networks=(MINE,))
    assert args.findings == ()
    with pytest.raises(ArgsError, match="ipam-not-deployed"):
        args.model_copy(update={"ipam": "dhcp"})
    with pytest.raises(ArgsError, match="Macvlan has 1 error:"):
        MINE.model_copy(update={"mtu": "1500"})
    other = args.model_copy(update={"networks": (MINE.model_copy(update={"master": "eth2"}),)})
    assert [one.segment for one in other.configuration.networks] == ["eth2"]


def test_tuples_in_a_raw_configuration_are_lists() -> None:
    plugins: Any = (
        {"type": "macvlan", "ipam": {"type": "static", "addresses": ()}},
        {"type": "sbr"},
    )
    configs: list[Any] = [{"plugins": plugins}, MappingProxyType({"plugins": plugins})]
    for config in configs:
        assert Raw(name="lan", config=config).config == json.loads(json.dumps({"plugins": plugins}))


def test_arguments_without_names_are_told_whose_they_are() -> None:
    untyped: Any = MultusArgs
    with pytest.raises(TypeError, match="MultusArgs takes each argument by its name: cluster, "):
        untyped(CLUSTER)


def test_an_output_is_refused_by_name() -> None:
    with pytest.raises(ArgsError, match=r"master is an Output, but a plain value is needed here"):
        Macvlan(name="lan", master=output())  # type: ignore[arg-type]


def test_the_program_has_the_last_word_and_warnings_are_told() -> None:
    """An error raises unless it is allowed; a warning does not, unless warnings are errors."""
    default = ({"dst": "0.0.0.0/0"},)
    ipam: Any = Whereabouts(range="10.0.0.7/24", gateway="10.0.0.1", routes=default)  # type: ignore[arg-type]
    odd = Macvlan(name="lan", master="eth1", ipam=ipam)
    base: dict[str, Any] = {"cluster": CLUSTER, "ipam": "whereabouts"}
    with pytest.raises(ArgsError) as caught:
        MultusArgs(networks=(odd,), **base)
    assert [one.rule for one in caught.value.findings] == ["default-route-without-sbr"]
    args = MultusArgs(networks=(odd,), allow=("default-route-without-sbr",), **base)
    assert [(one.rule, one.severity) for one in args.findings] == [
        ("range-with-host-bits", "warning")
    ]
    with pytest.raises(ArgsError, match="range-with-host-bits"):
        MultusArgs(networks=(odd,), allow=("default-route-without-sbr",), strict=True, **base)
