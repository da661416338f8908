"""Programs that the tests of this folder run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from components.args import MultusArgs
from components.multus import MultusComponent

PACKAGES: Final = {"rke2-multus": ".charts/a.tgz", "rke2-multus-crd": ".charts/b.tgz"}
K3S: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
STORAGE: Final = {
    "name": "storage",
    "namespace": "data",
    "type": "macvlan",
    "master": "eth1",
    "ipam": {"type": "whereabouts", "range": "192.168.20.0/24", "gateway": "192.168.20.1"},
}
PLAIN: Final = {"name": "plain", "type": "bridge", "bridge": "br1"}


def arguments(**changes: Any) -> MultusArgs:
    base = {"cluster": K3S, "ipam": "whereabouts", "networks": [STORAGE, PLAIN]}
    return MultusArgs.model_validate(base | changes)


def deploy(args: MultusArgs, name: str = "multus", **others: Any) -> MultusComponent:
    return MultusComponent(name, args, **{"packages": PACKAGES, **others})


def program(args: MultusArgs | None = None, **others: Any) -> Callable[[], dict[str, Any]]:
    def body() -> dict[str, Any]:
        made = deploy(args or arguments(), **others)
        return {
            "release": made.release_name,
            "version": made.chart_version,
            "networks": made.networks,
            "values": made.values,
            "images": made.images,
        }

    return body
