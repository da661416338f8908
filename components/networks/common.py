"""What every kind of network has: a name, a namespace, perhaps an IPAM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes
from components.ipam import Ipam
from components.model import Model

DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# The kernel counts bytes, and takes % for the start of a number that it chooses.
INTERFACE: Final = re.compile(r"[!-$&-.0-9;-~]{1,15}")
RESERVED: Final = (".", "..", "all", "default")  # directories of sysfs and sysctl
FLANNELS_BRIDGE: Final = "cni0"
# Interfaces of a K3s node that lead to no wire, with what they are.
NO_WIRES: Final = {
    "lo": "the loopback interface",
    FLANNELS_BRIDGE: "the bridge of K3s itself",
    "flannel.1": "flannel's tunnel between the nodes",
    "flannel-v6.1": "flannel's tunnel between the nodes",
    "flannel-wg": "flannel's tunnel between the nodes",
    "flannel-wg-v6": "flannel's tunnel between the nodes",
    "kube-ipvs0": "the services' dummy interface",
}
SMALLEST_IPV6_MTU: Final = 1280  # RFC 8200, section 5

# The CNI version of the networks: with 1.0.0 every plugin of the chart works, and nothing that is
# newer is used.
CNI_VERSION: Final = "1.0.0"


def _dns_label(value: Any) -> str:
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value), value)])
    if DNS_LABEL.fullmatch(value):
        return value
    meant = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:63].strip("-")
    hint = f' Did you mean "{meant}"?' if meant else ""
    raise FaultsError(
        [
            Fault(
                (),
                "a name has lower case letters, digits and -, at most 63, and starts and ends "
                f"with a letter or digit.{hint}",
                value,
            )
        ]
    )


def _interface(value: Any) -> str:
    if isinstance(value, str) and INTERFACE.fullmatch(value) and value not in RESERVED:
        return value
    if isinstance(value, str) and re.fullmatch(r"[^\s/:]{1,15}:.*", value):
        meant = value.split(":")[0]
        raise FaultsError(
            [
                Fault(
                    (),
                    "that is the label of an address, not an interface (multus-cni#424). "
                    f'Did you mean "{meant}"?',
                    value,
                )
            ]
        )
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value), value)])
    raise FaultsError(
        [
            Fault(
                (),
                "an interface name has 1 to 15 ASCII characters, none of them a space, /, : or %, "
                "and is none of ., .., all and default",
                value,
            )
        ]
    )


def _master(value: Any) -> str:
    if isinstance(value, str) and value in NO_WIRES:
        raise FaultsError(
            [Fault((), f"that is {NO_WIRES[value]}. Name the interface of the wire", value)]
        )
    return _interface(value)


def _bridge(value: Any) -> str:
    if value == FLANNELS_BRIDGE:
        hint = 'that is the bridge of K3s itself, and both would break. Did you mean "cni1"?'
        raise FaultsError([Fault((), hint, value)])
    if isinstance(value, str) and value in NO_WIRES:
        raise FaultsError([Fault((), f"that is {NO_WIRES[value]}. Choose another name", value)])
    return _interface(value)


Name = Annotated[
    str,
    BeforeValidator(_dns_label),
    WithJsonSchema({"type": "string", "pattern": f"^{DNS_LABEL.pattern}$"}),
]
Master = Annotated[
    str,
    BeforeValidator(_master),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{INTERFACE.pattern}$",
            "not": {"enum": sorted({*NO_WIRES, *RESERVED})},
        }
    ),
]
BridgeName = Annotated[
    str,
    BeforeValidator(_bridge),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{INTERFACE.pattern}$",
            "not": {"enum": sorted({*NO_WIRES, *RESERVED})},
        }
    ),
]
Mtu = Annotated[int, Field(ge=68, le=65535)]


class NetworkBase(Model):
    """The fields of every network."""

    name: Name
    """Name of the NetworkAttachmentDefinition."""
    namespace: Name = "default"
    """Its namespace."""
    mtu: Mtu | None = None
    """MTU of the pod's interface; the master's or the kernel's where it is left out."""
    ipam: Ipam | None = None
    """Where addresses come from; left out for a network on layer 2 only."""

    def faults(self) -> Iterator[Fault]:
        """What is wrong across the fields; kinds add to it."""
        if self.mtu is not None and self.mtu < SMALLEST_IPV6_MTU and self.ipam is not None:
            for pool in self.ipam.pools:
                if pool.cidr.version == 6:
                    yield Fault(
                        ("mtu",), f"IPv6 needs at least {SMALLEST_IPV6_MTU} (RFC 8200)", self.mtu
                    )
                    return

    @property
    def key(self) -> str:
        """`namespace/name`: what a pod's annotation says."""
        return f"{self.namespace}/{self.name}"

    @property
    def cni_name(self) -> str:
        """The CNI network's name, under which host-local keeps its state on a node.

        Of its own for each network: no namespace has a dot in its name.
        """
        return f"{self.namespace}.{self.name}"
