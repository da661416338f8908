"""Names in a network: of Kubernetes objects, and of interfaces on nodes and in pods."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes

DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# The kernel counts bytes, and takes % for the start of a number that it chooses.
INTERFACE: Final = re.compile(r"[!-$&-.0-9;-~]{1,15}")
LONGEST: Final = 15
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


def _schema(refused: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{INTERFACE.pattern}$",
            "not": {"enum": sorted({*RESERVED, *refused})},
        }
    )


Name = Annotated[
    str,
    BeforeValidator(_dns_label),
    WithJsonSchema({"type": "string", "pattern": f"^{DNS_LABEL.pattern}$"}),
]
Master = Annotated[str, BeforeValidator(_master), _schema(NO_WIRES)]
BridgeName = Annotated[str, BeforeValidator(_bridge), _schema(NO_WIRES)]
InterfaceName = Annotated[str, BeforeValidator(_interface), _schema(())]
