"""Networks: the NetworkAttachmentDefinitions that a stack declares, one file for each kind."""

from __future__ import annotations

from typing import Annotated

from ..one_of import OneOf
from .base import KINDS, Network, TypedNetwork
from .bond import Bond
from .bridge import Bridge
from .host_device import HostDevice
from .ipvlan import Ipvlan
from .macvlan import Macvlan
from .ovs import Ovs
from .raw import Raw
from .sriov import Sriov
from .vlan import Vlan

KINDS.update(
    {
        "macvlan": Macvlan,
        "ipvlan": Ipvlan,
        "vlan": Vlan,
        "bridge": Bridge,
        "host-device": HostDevice,
        "sriov": Sriov,
        "bond": Bond,
        "ovs": Ovs,
        "raw": Raw,
    }
)

AnyNetwork = Annotated[Network, OneOf("type", lambda: KINDS)]

__all__ = ["KINDS", "AnyNetwork", "Network", "Raw", "TypedNetwork"]
