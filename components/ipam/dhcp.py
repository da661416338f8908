"""dhcp: addresses from the network's own DHCP server, by a daemon on each node.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/ipam/dhcp/{main,options}.go`.
The daemon keeps its leases in memory only: when it restarts, running pods keep their addresses
but no longer renew them (containernetworking/plugins#235).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.faults import Fault, FaultsError, did_you_mean, repeated
from components.forms import Form
from components.model import Model

# The names that the plugin parses; the documentation lists more, which it rejects at pod start.
CODES: Final = {
    "dhcp-client-identifier": "61",
    "subnet-mask": "1",
    "routers": "3",
    "host-name": "12",
    "user-class": "77",
    "vendor-class-identifier": "60",
}
OPTION_NAMES: Final = tuple(CODES)
LONGEST_VALUE: Final = 255

# RFC 2132: 0 pads, 255 ends the options, and 53 says what kind of message it is.
END: Final = 255
MESSAGE_TYPE: Final = 53
# A server that names a router gives a default route (Routes in plugins/ipam/dhcp/lease.go). With
# the plugin's metric, 0, the kernel puts it before the pod's own, and services are out of reach.
BEHIND_THE_PODS_OWN: Final = 100


def _option(value: Any) -> str:
    if isinstance(value, str) and (value in OPTION_NAMES or _is_code(value)):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and _is_code(str(value)):
        raise FaultsError([Fault((), f'the plugin wants a text here: "{value}"', value)])
    hint = did_you_mean(value, OPTION_NAMES)
    raise FaultsError(
        [
            Fault(
                (),
                f'the plugin knows no such option. {hint} Or a number, "1" to "254" without "53".',
                value,
            )
        ]
    )


def _is_code(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,2}", text) is not None and (
        int(text) < END and int(text) != MESSAGE_TYPE
    )


Option = Annotated[
    str,
    BeforeValidator(_option),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({'|'.join(OPTION_NAMES)}|(?!53$)[1-9][0-9]?|1[0-9]{{2}}|2[0-4][0-9]"
            "|25[0-4])$",
        }
    ),
]


class DhcpRequest(Model):
    """An option that the daemon asks the server for."""

    option: Option
    """Name of the option, or its number in quotes."""
    skip_default: bool = False
    """Do not ask for the default options (routers, subnet-mask)."""


class DhcpProvide(Model):
    """An option that the daemon sends to the server."""

    option: Option
    """Name of the option, or its number in quotes."""
    value: str | None = None
    """The value, at most 255 bytes; or give fromArg."""
    from_arg: (
        Annotated[
            str,
            Form(
                "[A-Z0-9_]+", "a CNI argument has capital letters, digits and _, like K8S_POD_NAME"
            ),
        ]
        | None
    ) = None
    """Name of a CNI argument that holds the value, such as K8S_POD_NAME."""

    def faults(self) -> Iterator[Fault]:
        if (self.value is None) == (self.from_arg is None):
            yield Fault((), "needs one of value and fromArg, and not both", absence=True)
        if self.value is not None and len(self.value.encode()) > LONGEST_VALUE:
            yield Fault(("value",), f"a DHCP option holds {LONGEST_VALUE} bytes", self.value)


class Dhcp(Model):
    """Addresses by DHCP; IPv4 only."""

    withheld: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            (
                "range",
                "rangeStart",
                "rangeEnd",
                "ranges",
                "subnet",
                "exclude",
                "gateway",
                "ipRanges",
                "routes",
            ),
            "with dhcp it is the DHCP server that says so",
        ),
        "daemonSocketPath": "the chart's daemon listens at /run/cni/dhcp.sock, always",
    }

    type: Literal["dhcp"] = "dhcp"
    """dhcp."""
    request: tuple[DhcpRequest, ...] = ()
    """Options to ask the server for, beside routers and subnet-mask."""
    provide: tuple[DhcpProvide, ...] = ()
    """Options to send to the server, such as a host name."""
    priority: int = Field(default=BEHIND_THE_PODS_OWN, ge=0, le=2**31 - 1)
    """Metric of the server's routes. With 0 its default route replaces the pod's own."""

    def faults(self) -> Iterator[Fault]:
        asked = [entry.option for entry in self.request]
        sent = [entry.option for entry in self.provide]
        for key, options in (("request", asked), ("provide", sent)):
            codes = [CODES.get(option, option) for option in options]
            for index, first in repeated(codes):
                rule = f"{key}[{first}] has it already"
                yield Fault((key, index, "option"), rule, options[index])

    @property
    def gateways(self) -> tuple[()]:
        return ()

    @property
    def bridge_addresses(self) -> tuple[()]:
        return ()

    @property
    def pools(self) -> tuple[()]:
        return ()

    @property
    def capacity(self) -> None:
        """Not known: it is the DHCP server that has the addresses."""
        return None

    def render(self) -> dict[str, Any]:
        given = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"type": self.type} | given | {"priority": self.priority}
