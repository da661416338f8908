"""CNI plugins by their binaries: which ones the chart puts on the nodes, and which it does not.

The chart's image hardened-cni-plugins (v1.9.1) holds those of containernetworking/plugins, and
bond. Whereabouts brings its own, Multus too, and flannel's is K3s's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes, repeated

INSTALLED: Final = frozenset(
    (
        *("bandwidth", "bond", "bridge", "dhcp", "dummy", "firewall", "flannel", "host-device"),
        *("host-local", "ipvlan", "loopback", "macvlan", "multus", "portmap", "ptp", "sbr"),
        *("static", "tap", "tuning", "vlan", "vrf", "whereabouts"),
    )
)
BINARY: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


def _binary(value: Any) -> str:
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value), value)])
    if value in INSTALLED:
        raise FaultsError([Fault((), "the stack puts it on the nodes by itself. Remove it", value)])
    if not re.fullmatch(BINARY, value):
        raise FaultsError(
            [Fault((), "the name of a plugin is needed here, without its directory", value)]
        )
    return value


Binary = Annotated[
    str,
    BeforeValidator(_binary),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{BINARY}$", "not": {"enum": sorted(INSTALLED)}}
    ),
]


def twice(extra: Sequence[str]) -> Iterator[Fault]:
    for index, first in repeated(extra):
        yield Fault((index,), f"extraBinaries[{first}] is that already", extra[index])


def missing(plugin: str, extra: Sequence[str]) -> str | None:
    """What is wrong with a plugin that no node has, None if the nodes have it."""
    if plugin in INSTALLED or plugin in extra:
        return None
    return (
        "the chart has no such plugin. Put it into each node's directory of CNI plugins and name "
        f"it in multus:extraBinaries: [{plugin}]"
    )
