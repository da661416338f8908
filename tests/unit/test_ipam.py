"""IPAM: the CNI JSON that each plugin reads, byte for byte, and how many addresses there are."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.cluster import Paths
from components.ipam import Dhcp, HostLocal, Ipam, Static, Whereabouts, render
from components.model import FROM_YAML

PATHS: Final = Paths("/c", "/b")
CONF: Final = "/etc/cni/net.d/whereabouts.d/whereabouts.conf"
ADAPTER: TypeAdapter[Any] = TypeAdapter(Ipam)
Json = dict[str, Any]


def ipam(**fields: Any) -> Any:
    return ADAPTER.validate_python(fields, context=FROM_YAML)


def local(**fields: Any) -> HostLocal:
    found = ipam(type="host-local", **fields)
    assert isinstance(found, HostLocal)
    return found


def wb(**fields: Any) -> Whereabouts:
    found = ipam(type="whereabouts", **fields)
    assert isinstance(found, Whereabouts)
    return found


NET: Final = "10.0.0.0/24"
ROUTES: Final = [{"dst": "10.9.0.0/16"}, {"dst": "10.8.0.0/16", "gw": "10.0.0.254"}]
DNS: Final = {"nameservers": ["10.0.0.2"], "domain": "lan", "search": ["lan"], "options": ["x"]}

# (settings, what is rendered beside `type`, capacity)
HOST_LOCAL: Final[list[tuple[Json, Json, int]]] = [
    ({"subnet": NET}, {"ranges": [[{"subnet": NET}]], "dataDir": "/run/cni/networks"}, 253),
    (
        {
            "subnet": NET,
            "rangeStart": "10.0.0.10",
            "rangeEnd": "10.0.0.19",
            "gateway": "10.0.0.12",
            "routes": ROUTES,
            "dataDir": "/var/lib/x",
            "resolvConf": "/etc/resolv.conf",
            "allowMultiNode": True,
        },
        {
            "ranges": [
                [
                    {
                        "subnet": NET,
                        "rangeStart": "10.0.0.10",
                        "rangeEnd": "10.0.0.19",
                        "gateway": "10.0.0.12",
                    }
                ]
            ],
            "dataDir": "/var/lib/x",
            "routes": ROUTES,
            "resolvConf": "/etc/resolv.conf",
        },
        9,
    ),
    (
        {
            "ranges": [
                [{"subnet": "10.0.0.0/28"}, {"subnet": "10.0.1.0/28"}],
                [{"subnet": "fd00::/120", "gateway": "fd00::5"}],
            ]
        },
        {
            "ranges": [
                [{"subnet": "10.0.0.0/28"}, {"subnet": "10.0.1.0/28"}],
                [{"subnet": "fd00::/120", "gateway": "fd00::5"}],
            ],
            "dataDir": "/run/cni/networks",
        },
        26,
    ),
    (
        {"subnet": "fd00::/126"},
        {"ranges": [[{"subnet": "fd00::/126"}]], "dataDir": "/run/cni/networks"},
        2,
    ),
]
WHEREABOUTS: Final[list[tuple[Json, Json, int]]] = [
    ({"range": NET}, {"range": NET}, 254),
    (
        {"range": NET, "gateway": "10.0.0.1"},
        {"range": NET, "exclude": ["10.0.0.1/32"], "gateway": "10.0.0.1"},
        253,
    ),
    (  # its own exclusions first, each as a CIDR
        {"range": NET, "gateway": "10.0.0.1", "exclude": ["10.0.0.9", "10.0.0.16/28"]},
        {
            "range": NET,
            "exclude": ["10.0.0.9/32", "10.0.0.16/28", "10.0.0.1/32"],
            "gateway": "10.0.0.1",
        },
        236,
    ),
    (  # excluded already
        {"range": NET, "gateway": "10.0.0.1", "exclude": ["10.0.0.0/29"]},
        {"range": NET, "exclude": ["10.0.0.0/29"], "gateway": "10.0.0.1"},
        247,
    ),
    (  # outside the limits
        {"range": NET, "gateway": "10.0.0.1", "rangeStart": "10.0.0.50", "rangeEnd": "10.0.0.59"},
        {
            "range": NET,
            "range_start": "10.0.0.50",
            "range_end": "10.0.0.59",
            "gateway": "10.0.0.1",
        },
        10,
    ),
    (  # on a limit
        {"range": NET, "gateway": "10.0.0.50", "rangeStart": "10.0.0.50", "rangeEnd": "10.0.0.59"},
        {
            "range": NET,
            "range_start": "10.0.0.50",
            "range_end": "10.0.0.59",
            "exclude": ["10.0.0.50/32"],
            "gateway": "10.0.0.50",
        },
        9,
    ),
    (  # in every entry whose limits hold it, and in no other
        {
            "gateway": "10.0.0.5",
            "ipRanges": [
                {"range": NET, "rangeEnd": "10.0.0.20", "exclude": ["10.0.0.7"]},
                {"range": "10.0.0.0/16", "rangeStart": "10.0.1.0"},
            ],
        },
        {
            "ipRanges": [
                {"range": NET, "range_end": "10.0.0.20", "exclude": ["10.0.0.7/32", "10.0.0.5/32"]},
                {"range": "10.0.0.0/16", "range_start": "10.0.1.0"},
            ],
            "gateway": "10.0.0.5",
        },
        18,
    ),
    (
        {"ipRanges": [{"range": NET, "exclude": ["10.0.0.9"]}, {"range": "fd00::/125"}]},
        {"ipRanges": [{"range": NET, "exclude": ["10.0.0.9/32"]}, {"range": "fd00::/125"}]},
        6,
    ),
    (
        {"range": "fd00::/124", "gateway": "fd00::1", "rangeEnd": "fd00::9"},
        {
            "range": "fd00::/124",
            "range_end": "fd00::9",
            "exclude": ["fd00::1/128"],
            "gateway": "fd00::1",
        },
        8,
    ),
    (
        {
            "range": NET,
            "routes": ROUTES,
            "dns": DNS,
            "networkName": "pool",
            "enableOverlappingRanges": False,
            "leaderLeaseDuration": 3000,
            "leaderRenewDeadline": 2000,
            "leaderRetryPeriod": 700,
            "logFile": "/var/log/wb.log",
            "logLevel": "debug",
        },
        {  # the route's next hop is a router's address, and so no pod's
            "range": NET,
            "exclude": ["10.0.0.254/32"],
            "routes": ROUTES,
            "dns": DNS,
            "network_name": "pool",
            "enable_overlapping_ranges": False,
            "leader_lease_duration": 3000,
            "leader_renew_deadline": 2000,
            "leader_retry_period": 700,
            "log_file": "/var/log/wb.log",
            "log_level": "debug",
        },
        253,
    ),
]
DHCP: Final[list[tuple[Json, Json]]] = [
    ({}, {"priority": 100}),
    ({"priority": 0}, {"priority": 0}),
    (
        {
            "request": [{"option": "42"}, {"option": "routers", "skipDefault": True}],
            "provide": [
                {"option": "host-name", "fromArg": "K8S_POD_NAME"},
                {"option": "user-class", "value": "x"},
            ],
            "priority": 200,
        },
        {
            "request": [{"option": "42"}, {"option": "routers", "skipDefault": True}],
            "provide": [
                {"option": "host-name", "fromArg": "K8S_POD_NAME"},
                {"option": "user-class", "value": "x"},
            ],
            "priority": 200,
        },
    ),
]


@pytest.mark.parametrize(("fields", "rendered", "capacity"), HOST_LOCAL)
def test_host_local(fields: Json, rendered: Json, capacity: int) -> None:
    found = local(**fields)
    assert render(found, PATHS) == {"type": "host-local", **rendered}
    assert found.capacity == capacity


@pytest.mark.parametrize(("fields", "rendered", "capacity"), WHEREABOUTS)
def test_whereabouts(fields: Json, rendered: Json, capacity: int) -> None:
    found = wb(**fields)
    common = {"type": "whereabouts", "configuration_path": CONF}
    assert render(found, PATHS) == {**common, **rendered}
    assert found.capacity == capacity


@pytest.mark.parametrize(("fields", "rendered"), DHCP)
def test_dhcp(fields: Json, rendered: Json) -> None:
    found = ipam(type="dhcp", **fields)
    assert isinstance(found, Dhcp)
    assert render(found, PATHS) == {"type": "dhcp", **rendered}
    assert next(iter(render(found, PATHS))) == "type"  # its place in the text is one in diffs
    assert found.capacity is None
    assert found.pools == ()


def test_static() -> None:
    fields = {
        "addresses": [
            {"address": "10.0.0.5/24", "gateway": "10.0.0.1"},
            {"address": "fd00::5/64"},
        ],
        "routes": ROUTES,
        "dns": {"domain": "lan"},
    }
    found = ipam(type="static", **fields)
    assert isinstance(found, Static)
    assert render(found, PATHS) == {"type": "static", **fields}
    assert found.capacity == 1


def test_host_routes_need_no_room() -> None:
    for address in ("10.0.0.0/31", "10.0.0.1/31", "10.0.0.5/32", "fd00::/127", "fd00::5/128"):
        assert ipam(type="static", addresses=[{"address": address}]).capacity == 1


def test_both_addresses_of_a_link_between_two_are_hosts() -> None:
    """RFC 3021: one is the pod's, the other its gateway's."""
    for address, gateway in (("10.0.0.0/31", "10.0.0.1"), ("10.0.0.1/31", "10.0.0.0")):
        entry = {"address": address, "gateway": gateway}
        assert ipam(type="static", addresses=[entry]).gateways == (ip_address(gateway),)


def test_a_capacity_is_a_number_that_pulumi_can_hold() -> None:
    assert wb(range="fd00::/64").capacity == 2**53 - 1
    assert local(subnet="fd00::/8").capacity == 2**53 - 1


REFUSED: Final[list[tuple[Json, str]]] = [
    ({"type": "whereabouts", "range": "10.0.0.0/30", "exclude": ["10.0.0.0/30"]}, "leaves nothing"),
    ({"type": "whereabouts", "range": NET, "gateway": "10.0.0.0"}, "not a host's address"),
    ({"type": "whereabouts", "range": NET, "leaderRetryPeriod": 900}, "1.2 times"),
    ({"type": "host-local", "subnet": NET, "rangeEnd": "10.0.0.0"}, "hands out 10.0.0.1 to"),
    ({"type": "host-local", "ranges": [[]]}, "is empty"),
    (
        {"type": "host-local", "subnet": NET, "rangeStart": "10.0.0.9", "rangeEnd": "10.0.0.8"},
        "Exc",
    ),
    ({"type": "host-local", "subnet": NET, "rangeEnd": "10.0.0.1"}, "takes its only address"),
    ({"type": "dhcp", "provide": [{"option": "42", "value": "é" * 128}]}, "holds 255 bytes"),
    ({"type": "dhcp", "request": [{"option": "256"}]}, "knows no such option"),
    ({"type": "dhcp", "request": [{"option": "9" * 5000}]}, "knows no such option"),
    ({"type": "dhcp", "request": [{"option": "042"}]}, "knows no such option"),
    ({"type": "dhcp", "request": [{"option": 42}]}, 'wants a text here: "42"'),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_refuses(fields: Json, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ipam(**fields)
    assert said in str(caught.value)
