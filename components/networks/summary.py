"""What a person needs to use a network, as the component's output has it."""

from __future__ import annotations

from typing import Any

from components.networks import annotation
from components.networks.kinds import AnyNetwork, as_typed
from components.networks.metadata import RESOURCE_NAME


def summary(network: AnyNetwork) -> dict[str, Any]:
    """The plain annotation, the addresses, and what is special about the network."""
    typed = as_typed(network)
    ipam = network.ipam
    found: dict[str, Any] = {
        "namespace": network.namespace,
        "ipam": ipam.type if ipam is not None else None,
        "capacity": ipam.capacity if ipam is not None else None,
    }
    if plain := annotation.plain(network):
        found["annotation"] = plain
    if links := annotation.links(network):
        found["links"] = list(links)
    if typed is not None and typed.one_per_node:
        found["podsPerNode"] = 1
    annotations = {**network.annotations, **network.own_annotations}
    if example := annotation.example(network):
        found["example"] = example
    if resource := annotations.get(RESOURCE_NAME):
        found["resource"] = resource
    return found
