"""What is measured side by side, as data.

Every arm starts pods on the same nodes, in the same round, and is told apart only by which plugins
are called. `static` asks nobody for its address, so it is the peer of the other IPAM plugins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Steps = Literal["multus", "default", "macvlan", "by hand", "nothing"]


@dataclass(frozen=True)
class Arm:
    """One way to give a pod its network.

    `network` is the name of the pod's second network, None for none; both are in `namespace`.
    `steps`: Multus with all it does; the default network's plugin; macvlan; those two one after
    the other; or a program that ends at once, which is what the measuring itself costs.
    `counted`: no two pods of the cluster may have one address.
    """

    name: str
    label: str
    network: str | None
    steps: Steps = "multus"
    counted: bool = False
    namespace: str = "default"


# The controller makes a network's slices an object in Whereabouts' namespace that the network owns.
# Kubernetes deletes what has an owner in another namespace, so this is where the network has to be.
SLICES: Final = "kube-system"
PEER: Final = Arm("static", "static", "static")
IPAMS: Final = (
    PEER,
    Arm("host-local", "host-local", "host-local"),
    Arm("dhcp", "DHCP", "dhcp", counted=True),
    Arm("slices", "Whereabouts, node slices", "slices", counted=True, namespace=SLICES),
    Arm("whereabouts", "Whereabouts", "whereabouts", counted=True),
)
COSTS: Final = (
    Arm("nothing", "a program that does nothing", None, "nothing"),
    Arm("default", "default network alone", None, "default"),
    Arm("macvlan", "macvlan with static alone", "static", "macvlan"),
    Arm("by-hand", "both, one after the other", "static", "by hand"),
    Arm("multus", "Multus, no second network", None),
)
ARMS: Final = (*IPAMS, *COSTS)
CONCURRENCIES: Final = (1, 8, 32, 64)


def arm(name: str) -> Arm:
    return next(one for one in ARMS if one.name == name)
