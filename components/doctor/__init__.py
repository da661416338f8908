"""What is wrong with a deployment in a live cluster: what is read, and what is found in it.

Nothing here asks the cluster or prints: `cli/doctor.py` does both.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..args import MultusArgs
from .diagnosis import Diagnosis
from .pods import duplicates, unused, without_networks
from .pools import full, stale, unrecorded
from .releases import releases
from .seen import Seen
from .waiting import waiting
from .workloads import leftovers, nodes, workloads

__all__ = ["Diagnosis", "Seen", "examined"]


def examined(seen: Seen, args: MultusArgs) -> Iterator[Diagnosis]:
    """Everything that is found, in the order in which to mend it."""
    yield from releases(seen, args)
    yield from workloads(seen)
    yield from leftovers(seen)
    yield from nodes(seen, args)
    yield from waiting(seen)
    yield from without_networks(seen)
    yield from duplicates(seen)
    yield from unrecorded(seen)
    yield from stale(seen)
    yield from full(seen, args)
    yield from unused(seen)
