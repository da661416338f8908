"""Statistics of measured times, without a library: pure functions.

Quantiles are nearest-rank: always a time that was measured. Of fewer than 100 samples the p99 is
the largest one, and whoever prints it has to say so.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least this share of the samples does not exceed."""
    if not samples:
        raise ValueError("no samples")
    if not 0 < share <= 1:
        raise ValueError(f"a share is above 0 and at most 1, not {share}")
    # In thousandths: 0.99 * 300 is a little more than 297 in binary.
    rank = math.ceil(round(share * 1000) * len(samples) / 1000)
    return sorted(samples)[rank - 1]


def middle(samples: Sequence[float]) -> float:
    """The median; between two samples, halfway."""
    return statistics.median(samples)


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians, round by round: the median of the rounds, the least and the largest."""

    median: float
    low: float
    high: float


def ratio(ours: Sequence[float | None], peers: Sequence[float | None]) -> Ratio | None:
    """Each round against the peer in that round; rounds that lack one of them do not count."""
    found = [
        mine / other
        for mine, other in zip(ours, peers, strict=True)
        if mine is not None and other is not None
    ]
    return Ratio(middle(found), min(found), max(found)) if found else None
