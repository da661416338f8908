"""IPAM: which plugin gives a network's pods their addresses, and from where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from ..one_of import OneOf
from .base import Ipam
from .dhcp import Dhcp
from .host_local import HostLocal
from .static import Static
from .whereabouts import Whereabouts

IPAMS: Final[Mapping[str, type[Ipam]]] = {
    "host-local": HostLocal,
    "whereabouts": Whereabouts,
    "dhcp": Dhcp,
    "static": Static,
}
AnyIpam = Annotated[Ipam, OneOf("type", lambda: IPAMS)]
StackIpam = Literal["host-local", "whereabouts", "dhcp"]
"""What a stack can select; static needs nothing deployed and may stand beside any of them."""

__all__ = [
    "IPAMS",
    "AnyIpam",
    "Dhcp",
    "HostLocal",
    "Ipam",
    "StackIpam",
    "Static",
    "Whereabouts",
]
