"""Networks as a stack file declares them, and the annotation of a pod that asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.model import read
from components.networks import KINDS
from components.networks.annotation import Selection, pod_annotation

Json = dict[str, Any]


def local(*subnets: str) -> Json:
    """Addresses by host-local, one of each subnet."""
    ranges = [[{"subnet": one}] for one in subnets]
    return {"type": "host-local", "ranges": ranges}


def static(*addresses: str) -> Json:
    return {"type": "static", "addresses": [{"address": one} for one in addresses]}


def _declared(name: str, ipam: Json, **others: Any) -> Json:
    allow = ["host-local-on-several-nodes"] if ipam["type"] == "host-local" else []
    return {"name": name, "ipam": ipam, "allow": allow, **others}


def macvlan(name: str, ipam: Json, **others: Any) -> Json:
    return _declared(name, ipam, **{"type": "macvlan", "master": "eth1", **others})


def bridge(name: str, ipam: Json, **others: Any) -> Json:
    return _declared(name, ipam, **{"type": "bridge", "bridge": "br-pods", **others})


def selection(network: Mapping[str, Any], **wishes: Any) -> Selection:
    return Selection(network=read(KINDS[network["type"]], network), **wishes)


def annotation(network: Mapping[str, Any], **wishes: Any) -> str:
    """The annotation's value for a pod of one network; ValueError for what is refused."""
    return pod_annotation([selection(network, **wishes)]).value
