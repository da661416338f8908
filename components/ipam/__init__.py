"""IPAM: which plugin gives a network's pods their addresses, and from where.

`Ipam` is the union that a network holds, told apart by `type`. `StackIpam` are the plugins that
a stack can select; static needs nothing deployed and may stand beside any of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, assert_never

from pydantic import Field

from components.cluster import Paths
from components.ipam.common import Dns, Pool, Route
from components.ipam.dhcp import Dhcp, DhcpProvide, DhcpRequest
from components.ipam.hostlocal import HostLocal, HostLocalRange
from components.ipam.static import Static, StaticAddress
from components.ipam.whereabouts import Whereabouts, WhereaboutsRange

AnyIpam = HostLocal | Whereabouts | Dhcp | Static
Ipam = Annotated[AnyIpam, Field(discriminator="type")]
StackIpam = Literal["host-local", "whereabouts", "dhcp"]


def render(ipam: AnyIpam, paths: Paths) -> dict[str, Any]:
    """The plugin's `ipam` object, exactly as the plugin reads it on that cluster."""
    match ipam:
        case Whereabouts():
            return ipam.render(paths.whereabouts_conf)
        case HostLocal() | Dhcp() | Static():
            return ipam.render()
        case _:
            assert_never(ipam)


__all__ = [
    "AnyIpam",
    "Dhcp",
    "DhcpProvide",
    "DhcpRequest",
    "Dns",
    "HostLocal",
    "HostLocalRange",
    "Ipam",
    "Pool",
    "Route",
    "StackIpam",
    "Static",
    "StaticAddress",
    "Whereabouts",
    "WhereaboutsRange",
    "render",
]
