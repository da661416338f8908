"""What this stack's state has, as the engine tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .chart.versions import RELEASE_TYPE
from .manifest import TYPE


@dataclass(frozen=True)
class OwnState:
    """What the rules and the releases ask about; None where the state cannot be read."""

    networks: frozenset[str] | None = None
    """`namespace/name` of each network."""
    releases: frozenset[str] | None = None
    """Name of each Helm release."""

    @classmethod
    def of(cls, resources: Mapping[str, Mapping[str, Any]]) -> Self:
        """From each resource's type and outputs, by URN; raises KeyError for other than that."""
        held = [(one["type"], one["outputs"]) for one in resources.values()]
        metas = [has["metadata"] for kind, has in held if kind == TYPE and "metadata" in has]
        return cls(
            frozenset(f"{meta['namespace']}/{meta['name']}" for meta in metas),
            frozenset(str(has.get("name")) for kind, has in held if kind == RELEASE_TYPE),
        )
