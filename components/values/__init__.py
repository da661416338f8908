"""Helm values: what the program decides (`typed`), and raw ones that may be added (`raw`)."""

from __future__ import annotations

from components.values.raw import Stack, faults
from components.values.typed import TOP_LEVEL, Choices, Values, crd_typed, merged, typed

__all__ = ["TOP_LEVEL", "Choices", "Stack", "Values", "crd_typed", "faults", "merged", "typed"]
