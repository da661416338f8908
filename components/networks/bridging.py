"""What addresses a bridge can have at once, by the bridge plugin (`ensureAddr` in bridge.go).

One of IPv4, and of IPv6 those whose networks do not overlap. The plugin refuses a pod that would
need another one, or with forceAddress takes away the one that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from components.addresses import Interface


def collide(one: Interface, other: Interface) -> bool:
    """Whether a bridge can have only one of the two."""
    if one == other or one.version != other.version:
        return False
    return one.version == 4 or one.ip in other.network or other.ip in one.network


def colliding(addresses: Sequence[Interface]) -> tuple[Interface, Interface] | None:
    """Two of the addresses that a bridge cannot have both."""
    return next((pair for pair in combinations(addresses, 2) if collide(*pair)), None)
