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
CHART: Final = "v4.3.017"  # what both arms deploy
STACK: Final = "benchmark"
COUNTS: Final = (10, 100, 300, 1000)
NODES: Final = (100, 1000)
FEW: Final = 3  # nodes and networks, with which all of a life is measured
CROWD: Final = 100  # pods that start at once
STARTS: Final[dict[str, tuple[str, int]]] = {
    "pods-0": ("", 0),
    **{
        f"pods-{ipam}-{count}": (ipam, count)
        for ipam in ("host-local", "dhcp", "whereabouts")
        for count in (1, 3)
    },
    f"pods-{CROWD}": ("whereabouts", 1),
}
"""Of each measure of pods on real nodes: the IPAM plugin, and how many networks each pod has."""


def _start(ipam: str, count: int) -> str:
    return f"pod with {count} networks" + (f" of {ipam}" if count else "")


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
    "memory": Measure("peak memory of a fresh up", HELM, "MiB"),
    "state": Measure("the stack's state after it", "Helm's records, compressed", "KiB"),
    "written": Measure("written to disk by it", "the state", "KiB"),
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
    **{
        f"networks-{n}-written": Measure(f"{n} networks: written to disk", "the state", "KiB")
        for n in COUNTS
    },
    **{
        name: Measure(
            f"{CROWD} pods at once, {ipam}" if name == f"pods-{CROWD}" else _start(ipam, count),
            "the same by Helm and kubectl",
        )
        for name, (ipam, count) in STARTS.items()
    },
}
