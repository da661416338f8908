"""bandwidth: limits of what a pod receives and sends, on the cable between pod and node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from ...findings import Finding
from ...model import Model

# What the plugin counts in 32 bits: a burst as time in units of 64 ns, and the queue in bytes,
# which is the burst and 25 ms of the rate. Beyond these it starts at zero again, and nobody says
# so (tests/wire/test_limits.py).
MOST_RATE: Final = 400 * 10**9
MOST_BURST: Final = 24 * 10**9

Rate = Annotated[int, Field(ge=8, le=MOST_RATE)]
Burst = Annotated[int, Field(ge=8, le=MOST_BURST)]


class Bandwidth(Model):
    """Limits of what a pod receives and sends."""

    ingress_rate: Rate | None = None
    """Bits per second that the pod receives."""
    ingress_burst: Burst | None = None
    """Bits that it may receive at once; needed with ingressRate."""
    egress_rate: Rate | None = None
    """Bits per second that the pod sends."""
    egress_burst: Burst | None = None
    """Bits that it may send at once; needed with egressRate."""

    def incomplete(self) -> Iterator[Finding]:
        """`validateRateAndBurst` in plugins/meta/bandwidth/main.go."""
        for way in ("ingress", "egress"):
            rate, burst = getattr(self, f"{way}_rate"), getattr(self, f"{way}_burst")
            if (rate is None) != (burst is None):
                given, other = ("Rate", "Burst") if burst is None else ("Burst", "Rate")
                message = f"stands alone: the plugin wants {way}{other} beside it"
                yield Finding((f"{way}{given}",), message)

    @property
    def limits(self) -> Iterator[tuple[str, int, int]]:
        """Direction, rate in bits per second and burst in bits."""
        for way in ("ingress", "egress"):
            rate, burst = getattr(self, f"{way}_rate"), getattr(self, f"{way}_burst")
            if rate is not None and burst is not None:
                yield way, rate, burst
