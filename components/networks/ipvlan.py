"""ipvlan: pods with addresses of their own that share the master's MAC address.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/ipvlan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from .on_master import OnMaster


class Ipvlan(OnMaster):
    """Pods with addresses of their own that share the master's MAC address."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "wifi",
        "type": "ipvlan",
        "master": "wlan0",
        "ipam": {"type": "whereabouts", "range": "192.168.30.0/24"},
    }
    hints: ClassVar[Mapping[str, str]] = {"mac": "every pod of the network has the master's"}
    mac_by = None
    needs_ipam = True
    always_written = frozenset({"mode"})

    type: Literal["ipvlan"] = "ipvlan"
    mode: Literal["l2", "l3", "l3s"] = "l2"
    """On which layer the master passes packets to pods."""
