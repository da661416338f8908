"""dhcp: addresses from the network's own DHCP server, by a daemon on each node. IPv4 only.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/ipam/dhcp/{main,options}.go`.
The daemon keeps its leases in memory only: when it restarts, running pods keep their addresses
but no longer renew them (containernetworking/plugins#235).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from ..fields import Checked
from ..findings import Finding, did_you_mean, invalid
from ..model import Model
from .base import Ipam

# The names that `parseOptionName` in options.go knows; the documentation lists more.
OPTIONS: Final = {
    "dhcp-client-identifier": "61",
    "subnet-mask": "1",
    "routers": "3",
    "host-name": "12",
    "user-class": "77",
    "vendor-class-identifier": "60",
}
LONGEST_VALUE: Final = 255
# RFC 2132: 0 pads, 255 ends the options, and 53 says what kind of message it is.
CODE: Final = r"(?!53$)[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-4]"
# A server that names a router gives a default route (`Routes` in plugins/ipam/dhcp/lease.go). With
# the plugin's metric, 0, the kernel puts it before the pod's own, and services are out of reach.
BEHIND_THE_PODS_OWN: Final = 100


def _option(value: Any) -> str:
    if isinstance(value, str) and (value in OPTIONS or re.fullmatch(CODE, value)):
        return value
    if type(value) is int and re.fullmatch(CODE, str(value)):
        raise invalid(f'the plugin wants a text here: "{value}"', value)
    rule = f"the plugin knows no such option. {did_you_mean(value, OPTIONS)} Or a number, "
    raise invalid(f'{rule}"1" to "254" without "53".', value)


Option = Annotated[
    str, Checked(_option, {"type": "string", "pattern": f"^({'|'.join(OPTIONS)}|{CODE})$"})
]


class DhcpRequest(Model):
    """An option that the daemon asks the server for."""

    option: Option | None = None
    """Name of the option, or its number in quotes; left out beside skipDefault."""
    skip_default: bool = False
    """Do not ask for the default options (routers, subnet-mask)."""


class DhcpProvide(Model):
    """An option that the daemon sends to the server."""

    option: Option
    """Name of the option, or its number in quotes."""
    value: str | None = None
    """The value, at most 255 bytes; or give fromArg, or both."""
    from_arg: str | None = None
    """Name of a CNI argument whose value is sent instead where it is given: K8S_POD_NAME."""

    def incomplete(self) -> Iterator[Finding]:
        if self.value is not None and len(self.value.encode()) > LONGEST_VALUE:
            yield Finding(("value",), f"a DHCP option holds {LONGEST_VALUE} bytes", self.value)


class Dhcp(Ipam):
    """Addresses by DHCP."""

    hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            *("range", "rangeStart", "rangeEnd", "ranges", "subnet", "exclude", "gateway"),
            *("ipRanges", "routes"),
        ),
        "with dhcp it is the DHCP server that says so. Remove it",
    )
    passed_on = frozenset({"name"})
    plugin_defaults: ClassVar[Mapping[str, Any]] = {"priority": 0}

    type: Literal["dhcp"] = "dhcp"
    request: tuple[DhcpRequest, ...] = ()
    """Options to ask the server for, beside routers and subnet-mask."""
    provide: tuple[DhcpProvide, ...] = ()
    """Options to send to the server, such as a host name."""
    priority: int = Field(default=BEHIND_THE_PODS_OWN, ge=0, le=2**31 - 1)
    """Metric of the server's routes. With 0 its default route replaces the pod's own."""
    daemon_socket_path: str | None = None
    """Socket of the DHCP daemon on the node; the chart's is /run/cni/dhcp.sock."""
