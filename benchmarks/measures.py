"""What is measured, against what, and what is asked of it: a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

Pairs = Iterator[tuple[str, float, float]]
"""Name of the measure, what ours took and what its peer took, in turn."""
Round = Callable[[int], Pairs]


class Measure(NamedTuple):
    """A measure; `ours` and `peer` are what is run, `target` what the ratio or time shall be."""

    ours: str
    peer: str
    unit: str = "s"
    target: str = ""


HELM: Final = "helm twice, kubectl apply, rollout status"
EMPTY: Final = "an empty program"
COUNTS: Final = (10, 100, 300, 1000)
NODES: Final = (100, 1000)

MEASURES: Final[dict[str, Measure]] = {
    "program": Measure("__main__, preview", "import of its SDKs", "CPU s", "0.3 more"),
    **{
        f"check-{n}": Measure(f"check of {n} networks", "check of one", "CPU s", "1 s for 1,000")
        for n in (20, 200, 1000)
    },
    "up": Measure("fresh up, 3 networks", HELM, target="1"),
    "preview": Measure("unchanged preview with preflight", f"{EMPTY}'s", target="1.5"),
    "up-again": Measure("up without a change", "helm upgrade twice"),
    "destroy": Measure(
        "destroy, seconds after up", "helm uninstall, kubectl delete", target="2.5 s"
    ),
    "requests": Measure("API requests of a fresh up", HELM, "requests", "1.5"),
    "reads": Measure("those of them that read", HELM, "requests"),
    "writes": Measure("those that write", HELM, "requests"),
    **{
        f"nodes-{n}": Measure(f"fresh up on {n} simulated nodes", HELM, target="1.2") for n in NODES
    },
    **{
        f"networks-{n}-{step}": Measure(f"{n} networks: {step}", peer, target=target)
        for n in COUNTS
        for step, peer, target in (
            ("up", f"kubectl apply --server-side and {EMPTY}'s up", "3 for 100"),
            ("up-without-checkpoints", f"kubectl apply --server-side and {EMPTY}'s up", ""),
            ("preview", f"{EMPTY}'s", ""),
            ("one-changed", f"{EMPTY}'s preview", "3 s for 1,000"),
            ("destroy", "kubectl delete", ""),
        )
    },
}
