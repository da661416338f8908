"""Plugins that are chained behind a network's own: tuning, bandwidth, sbr, in that order.

Each works on what the plugin before it made. Fields and rules from containernetworking/plugins
1.9.1, `plugins/meta/{tuning,bandwidth,sbr}`. tuning comes first, because sbr moves the routes of
an interface that must then stay as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, assert_never

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes
from components.ipam import AnyIpam, Dhcp, HostLocal, Static, Whereabouts
from components.model import Model

SYSCTL: Final = r"net([./][A-Za-z0-9_-]+)+"
SYSCTL_VALUE: Final = r"[!-~]([ -~\t]{0,1000}[!-~])?"
# What bandwidth counts in 32 bits: a burst as time in units of 64 ns, and the queue in bytes, which
# is the burst and 25 ms of the rate. Over the edge it starts at zero again, and nobody says so.
MOST_RATE: Final = 400 * 10**9
MOST_BURST: Final = 24 * 10**9
MOST_TIME: Final = (2**32 - 1) * 8 // 125  # microseconds
LONGEST_PACKET: Final = 2**32 - 1  # nanoseconds of the rate (`tbf_change` in net/sched/sch_tbf.c)
HEADER: Final = 14  # bytes of Ethernet before a packet, which count
ONE_FOR_ALL: Final = "every pod of the network would get the same one"


def _sysctl(found: Any) -> Any:
    """`getSysctlFilename` in tuning.go: dots become slashes, and all is below /proc/sys/net."""
    if not isinstance(found, Mapping):
        return found
    faults: list[Fault] = []
    files: dict[str, str] = {}
    for key, value in found.items():
        if not isinstance(key, str) or not re.fullmatch(SYSCTL, key):
            rule = (
                "is no setting of the network: the plugin writes below net only, like "
                "net.ipv4.conf.IFNAME.arp_filter"
            )
            faults.append(Fault((str(key),), rule))
        elif not isinstance(value, str):
            faults.append(Fault((key,), needs_quotes(value), value))
        elif not re.fullmatch(SYSCTL_VALUE, value):
            faults.append(Fault((key,), "the kernel takes a word or numbers here", value))
        elif (first := files.setdefault(key.replace(".", "/"), key)) != key:
            faults.append(Fault((key,), f"{first} is the same setting. Keep one", value))
    if faults:
        raise FaultsError(faults)
    return found


class Tuning(Model):
    """Settings of the pod's interface that its plugin does not make."""

    withheld: ClassVar[Mapping[str, str]] = {
        "mac": f'{ONE_FOR_ALL}. Use capabilities: [mac] and the pod\'s annotation ("mac")',
        "dataDir": "the plugin's own is on tmpfs, as it must be",
    }

    sysctl: Annotated[
        dict[str, str],
        BeforeValidator(_sysctl),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{SYSCTL}$"},
                "additionalProperties": {"type": "string", "pattern": f"^{SYSCTL_VALUE}$"},
            }
        ),
    ] = Field(default_factory=dict)
    """Kernel settings below net, in quotes; IFNAME stands for the pod's interface."""
    promisc: bool = False
    """Put the pod's interface into promiscuous mode."""
    allmulti: bool | None = None
    """Let the pod's interface take all multicast packets."""
    tx_q_len: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """Length of the interface's queue for sending, in packets."""
    mtu: Annotated[int, Field(ge=68, le=65535)] | None = None
    """MTU of an interface whose plugin sets none: host-device and sriov."""

    def faults(self) -> Iterator[Fault]:
        if not self.model_dump(exclude_defaults=True):
            yield Fault((), "changes nothing. Give it sysctl, promisc, allmulti or txQLen")


class Sbr(Model):
    """Answers leave by the interface that was asked: source based routing."""

    withheld: ClassVar[Mapping[str, str]] = {
        "table": "with a table of its own the plugin makes rules and no routes, so nothing "
        "changes. Leave it out: the plugin finds a free one",
        "gateways": "the chart's plugin does not know it",
        "addSourceHints": "the chart's plugin does not know it",
    }


Rate = Annotated[int, Field(ge=8, le=MOST_RATE)]
Burst = Annotated[int, Field(ge=8, le=MOST_BURST)]


class Bandwidth(Model):
    """Limits of what a pod receives and sends."""

    ingress_rate: Rate | None = None
    """Bits per second that the pod receives."""
    ingress_burst: Burst | None = None
    """Bits that it may receive at once; needed with ingressRate."""
    egress_rate: Rate | None = None
    """Bits per second that the pod sends."""
    egress_burst: Burst | None = None
    """Bits that it may send at once; needed with egressRate."""

    def faults(self) -> Iterator[Fault]:
        if not self.model_dump(exclude_none=True):
            yield Fault((), "limits nothing. Give it ingressRate and ingressBurst, or the egress's")
        for way in ("ingress", "egress"):
            rate, burst = getattr(self, f"{way}_rate"), getattr(self, f"{way}_burst")
            if (rate is None) != (burst is None):
                given, other = ("Rate", "Burst") if burst is None else ("Burst", "Rate")
                rule = f"stands alone: the plugin wants {way}{other} beside it"
                yield Fault((f"{way}{given}",), rule, absence=True)


def bandwidth_faults(bandwidth: Bandwidth, mtu: int) -> Iterator[Fault]:
    """A burst that the kernel would be told wrongly, or limits that no full packet passes."""
    size = mtu + HEADER
    for way in ("ingress", "egress"):
        rate, burst = getattr(bandwidth, f"{way}_rate"), getattr(bandwidth, f"{way}_burst")
        if rate is None or burst is None:
            continue
        packet = f"with the MTU {mtu} a packet has {size} bytes, and the kernel drops one that is"
        if (least := 8 * _up(size * 10**9, LONGEST_PACKET)) > rate:
            rule = f"{packet} longer than 4.29 seconds of the rate. Give at least {least}"
            yield Fault(("bandwidth", f"{way}Rate"), rule, rate)
        elif _microseconds(rate, burst) > MOST_TIME:
            rule = (
                f"the plugin counts it as time, up to {MOST_TIME // 10**6} seconds of {way}Rate, "
                f"and then from zero. Give at most {MOST_TIME // 10**6 * rate}"
            )
            yield Fault(("bandwidth", f"{way}Burst"), rule, burst)
        elif (kept := at_once(rate, burst)) < size:
            rule = (
                f"{packet} longer than the burst, which comes to {kept} bytes. Give at least "
                f"{_least(rate, size)}"
            )
            yield Fault(("bandwidth", f"{way}Burst"), rule, burst)


def _microseconds(rate: int, burst: int) -> int:
    """`buffer` in plugins/meta/bandwidth/ifb_creator.go."""
    return burst // 8 * 10**6 // (rate // 8)


def at_once(rate: int, burst: int) -> int:
    """Bytes that the kernel lets pass at once, after all that is rounded on the way to it."""
    return _microseconds(rate, burst) * 125 // 8 * 64 * (rate // 8) // 10**9


def _least(rate: int, size: int) -> int:
    """The smallest burst that lets that many bytes pass."""
    units = _up(size * 10**9, 64 * (rate // 8))
    return _up(_up(units * 8, 125) * (rate // 8), 10**6) * 8


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def sbr_faults(ipam: AnyIpam | None, *, chosen: bool) -> Iterator[Fault]:
    """The plugin makes a routing table for each address, and fills it with its gateway.

    `chosen`: pods may ask for addresses. In static these replace the network's own, gateways and
    all (`LoadIPAMConfig` in plugins/ipam/static/main.go).
    """
    match ipam:
        case None:
            yield Fault(("sbr",), "needs addresses. Give the network an ipam", absence=True)
        case Whereabouts() if len({pool.cidr.version for pool in ipam.pools}) > 1:
            yield Fault(
                ("sbr",),
                "needs a gateway of each family, and Whereabouts has one for both. Make a network "
                "of each family",
                absence=True,
            )
        case Whereabouts() if ipam.gateway is None:
            yield Fault(
                ("sbr",), "routes by the gateway, and there is none. Set ipam.gateway", absence=True
            )
        case Static() if any(entry.gateway is None for entry in ipam.addresses):
            yield Fault(
                ("sbr",),
                "routes by the gateway of each address, and one has none. Set "
                "ipam.addresses[].gateway",
                absence=True,
            )
        case Static() if chosen:
            yield Fault(
                ("sbr",),
                "routes by the gateway, and an address that a pod chooses has none with static. "
                "Take ips out of capabilities, or use host-local",
            )
        case HostLocal() | Whereabouts() | Static() | Dhcp():
            return
        case _:
            assert_never(ipam)


def sysctl_faults(tuning: Tuning, ipam: AnyIpam | None) -> Iterator[Fault]:
    six = ipam is not None and any(pool.cidr.version == 6 for pool in ipam.pools)
    for key, value in tuning.sysctl.items():
        if six and key.replace("/", ".").endswith(".disable_ipv6") and value.strip() != "0":
            yield Fault(
                ("tuning", "sysctl", key),
                "the network gives IPv6 addresses, and the pod would lose them. Remove it",
                value,
            )


def render_tuning(tuning: Tuning | None, *, mac: bool) -> dict[str, Any]:
    """CNI JSON of tuning; `mac`: it takes the pod's own MAC address from the annotation."""
    body: dict[str, Any] = {"type": "tuning"}
    if tuning is not None:
        body |= tuning.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return body | ({"capabilities": {"mac": True}} if mac else {})


def render_bandwidth(bandwidth: Bandwidth) -> dict[str, Any]:
    limits = bandwidth.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"type": "bandwidth", **limits}
