"""tuning: settings of the pod's interface that its plugin does not make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from ...fields import Checked, MacAddress, Mtu
from ...findings import Finding, FindingsError, needs_quotes
from ...model import Model

SYSCTL: Final = r"net([./][A-Za-z0-9_-]+)+"
SYSCTL_VALUE: Final = r"[!-~]([ -~\t]{0,1000}[!-~])?"


def _sysctl(found: Any) -> Any:
    """`getSysctlFilename` in tuning.go: dots become slashes, and all is below /proc/sys/net."""
    if not isinstance(found, Mapping):
        return found
    faults: list[Finding] = []
    files: dict[str, str] = {}
    for key, value in found.items():
        if not isinstance(key, str) or not re.fullmatch(SYSCTL, key):
            message = (
                "is no setting of the network: the plugin writes below net only, like "
                "net.ipv4.conf.IFNAME.arp_filter"
            )
            faults.append(Finding((str(key),), message))
        elif not isinstance(value, str):
            faults.append(Finding((key,), needs_quotes(value), value))
        elif not re.fullmatch(SYSCTL_VALUE, value):
            faults.append(Finding((key,), "the kernel takes a word or numbers here", value))
        elif (first := files.setdefault(key.replace(".", "/"), key)) != key:
            faults.append(Finding((key,), f"{first} is the same setting. Keep one", value))
    if faults:
        raise FindingsError(faults)
    return dict(found)


class Tuning(Model):
    """Settings of the pod's interface that its plugin does not make."""

    passed_on = frozenset({"datadir"})
    pointers = frozenset({"txqlen"})

    sysctl: Annotated[
        dict[str, str],
        Checked(
            _sysctl,
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{SYSCTL}$"},
                "additionalProperties": {"type": "string", "pattern": f"^{SYSCTL_VALUE}$"},
            },
        ),
    ] = Field(default_factory=dict)
    """Kernel settings below net, in quotes; IFNAME stands for the pod's interface."""
    mac: MacAddress | None = None
    """MAC address of every pod's interface, in quotes: for a network with one pod."""
    promisc: bool = False
    """Put the pod's interface into promiscuous mode."""
    allmulti: bool | None = None
    """Let the pod's interface take all multicast packets."""
    tx_q_len: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """Length of the interface's queue for sending, in packets."""
    mtu: Mtu | None = None
    """MTU of an interface whose plugin sets none: host-device and sriov."""
