"""Networks: the NetworkAttachmentDefinitions that a stack declares."""

from __future__ import annotations

from components.networks.kinds import (
    AnyNetwork,
    Bridge,
    Ipvlan,
    Macvlan,
    Network,
    VlanTrunk,
    render,
)

__all__ = ["AnyNetwork", "Bridge", "Ipvlan", "Macvlan", "Network", "VlanTrunk", "render"]
