"""macvlan: pods as hosts of their own on the master's wire.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/macvlan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..fields import MacAddress
from .on_master import OnMaster


class Macvlan(OnMaster):
    """Pods as hosts of their own on the master's wire. The node itself cannot reach them."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "lan",
        "type": "macvlan",
        "master": "eth1",
        "ipam": {"type": "whereabouts", "range": "192.168.20.0/24", "gateway": "192.168.20.1"},
    }
    mac_by = "plugin"
    always_written = frozenset({"mode"})

    type: Literal["macvlan"] = "macvlan"
    mode: Literal["bridge", "private", "vepa", "passthru"] = "bridge"
    """How pods on one node reach each other; bridge is what nearly everybody wants."""
    mac: MacAddress | None = None
    """MAC address of every pod's interface, in quotes: for a network with one pod."""
    bcqueuelen: int = Field(default=0, ge=0, le=2**32 - 1)
    """Length of the queue for broadcasts, in packets; the kernel's own with 0."""

    @property
    def one_per_node(self) -> str | None:
        if self.mode != "passthru":
            return None
        return f"the kernel gives {self.segment} to one macvlan in mode passthru. Use mode bridge"
