"""Networks: the NetworkAttachmentDefinitions that a stack declares."""

from __future__ import annotations

from components.networks.kinds import (
    AnyNetwork,
    Bond,
    BondLink,
    Bridge,
    HostDevice,
    Ipvlan,
    Macvlan,
    Network,
    Raw,
    Sriov,
    Vlan,
    VlanTrunk,
    render,
)
from components.networks.metadata import RESOURCE_NAME

__all__ = [
    "RESOURCE_NAME",
    "AnyNetwork",
    "Bond",
    "BondLink",
    "Bridge",
    "HostDevice",
    "Ipvlan",
    "Macvlan",
    "Network",
    "Raw",
    "Sriov",
    "Vlan",
    "VlanTrunk",
    "render",
]
