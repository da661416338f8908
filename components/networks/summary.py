"""What a person needs to use a network, as the component's output has it."""

from __future__ import annotations

import json
from typing import Any

from ..fields import EXAMPLE_MAC
from ..ipam import HostLocal, Static
from .annotation import EXAMPLE_ADDRESS, KEY, Selection, links, pod_annotation, resource
from .base import Network


def summary(network: Network) -> dict[str, Any]:
    typed, ipam = network.typed, getattr(network, "ipam", None)
    brought = isinstance(ipam, Static) and not ipam.addresses
    found: dict[str, Any] = {
        "namespace": network.namespace,
        "ipam": ipam.type if ipam is not None else None,
        "capacity": ipam.capacity if ipam is not None else None,
        "annotation": None if brought or links(network) else {KEY: _short(network)},
        "links": list(links(network)) or None,
        "podsPerNode": 1 if typed is not None and typed.one_per_node else None,
        "example": _example(network),
        "resource": resource(network),
        "nodeSelector": dict(network.nodes) or None,
    }
    always = ("ipam", "capacity")
    return {key: value for key, value in found.items() if value is not None or key in always}


def _short(network: Network) -> str:
    """The short form, which takes no dots (`parsePodNetworkObjectName` in k8sclient.go)."""
    element = Selection(network=network).element
    return json.dumps([element()]) if "." in network.name else network.key


def _example(network: Network) -> dict[str, str] | None:
    """An annotation with every wish that the network serves, None where it serves none."""
    typed = network.typed
    if typed is None or not typed.capabilities or links(network):
        return None
    wishes: dict[str, Any] = {}
    if "ips" in typed.capabilities and typed.ipam is not None:
        # host-local takes one address, whatever it has to hand out.
        pools = typed.ipam.pools[: 1 if isinstance(typed.ipam, HostLocal) else None]
        first = (next(iter(pool.addresses)) for pool in pools if pool.addresses)
        known = (f"{one}/{pool.cidr.prefixlen}" for one, pool in zip(first, pools, strict=False))
        wishes["ips"] = (*known,) or (EXAMPLE_ADDRESS,)
    if "mac" in typed.capabilities:
        wishes["mac"] = EXAMPLE_MAC
    return pod_annotation([Selection(network=network, **wishes)]).annotations
