"""What Whereabouts has written down: its pools and its reservations, in the API server."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from testbed.kubectl import Kubectl

GROUP = "whereabouts.cni.cncf.io"
Address = IPv4Address | IPv6Address


def held(cluster: Kubectl) -> dict[Address, str]:
    """Every address that a pool counts as taken, with `namespace/name` of the pod."""
    found: dict[Address, str] = {}
    for pool in cluster.items(f"ippools.{GROUP}", "-A"):
        first = ip_network(pool["spec"]["range"]).network_address
        for offset, allocation in pool["spec"]["allocations"].items():
            address = first + int(offset)
            assert address not in found, f"two pools count {address}"
            found[address] = allocation["podref"]
    return found


def reservations(cluster: Kubectl) -> dict[Address, str]:
    """The same as the cluster-wide reservations have it."""
    return {
        _address(item): item["spec"]["podref"]
        for item in cluster.items(f"overlappingrangeipreservations.{GROUP}", "-A")
    }


def _address(item: dict[str, Any]) -> Address:
    """Names hold addresses with dashes for colons, an IPv6 one that ends in one with a 0 more."""
    name: str = item["metadata"]["name"]
    return ip_address(name.replace("-", ":") if "-" in name else name)
