"""Networks as a stack file declares them, and the annotation of a pod that asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from components import Selection, pod_annotation
from components.model import FROM_YAML
from components.networks import AnyNetwork, Network

Json = dict[str, Any]
ADAPTER: Final[TypeAdapter[AnyNetwork]] = TypeAdapter(Network)


def local(*subnets: str) -> Json:
    """Addresses by host-local, one of each subnet."""
    ranges = [[{"subnet": one}] for one in subnets]
    return {"type": "host-local", "allowMultiNode": True, "ranges": ranges}


def static(*addresses: str) -> Json:
    return {"type": "static", "addresses": [{"address": one} for one in addresses]}


def macvlan(name: str, ipam: Json, **others: Any) -> Json:
    return {"name": name, "type": "macvlan", "master": "eth1", "ipam": ipam, **others}


def bridge(name: str, ipam: Json, **others: Any) -> Json:
    return {"name": name, "type": "bridge", "bridge": "br-pods", "ipam": ipam, **others}


def selection(network: Mapping[str, Any], **wishes: Any) -> Selection:
    return Selection(network=ADAPTER.validate_python(network, context=FROM_YAML), **wishes)


def annotation(network: Mapping[str, Any], **wishes: Any) -> str:
    """The annotation's value for a pod of one network; ValueError for what is refused."""
    return pod_annotation([selection(network, **wishes)]).value
