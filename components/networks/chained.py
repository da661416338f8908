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
MOST_BURST: Final = 8 * (2**32 - 1) - 1  # the plugin counts bytes in 32 bits, and must not be full
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
                "additionalProperties": {"type": "string"},
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


Rate = Annotated[int, Field(ge=1, le=2**63 - 1)]
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
