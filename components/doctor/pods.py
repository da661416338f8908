"""Pods and the networks that they have, by what Multus wrote to them."""

from __future__ import annotations

from collections.abc import Iterator

from ..addresses import Address
from ..cluster_tasks.attachments import asked, given, missed
from ..findings import Severity, shown
from .diagnosis import Diagnosis
from .seen import Seen


def without_networks(seen: Seen) -> Iterator[Diagnosis]:
    """Pods that run without networks that they ask for."""
    for one in missed([*seen.pods.values()]):
        lacks = ", ".join(name if len(name) < 80 else shown(name) for name in one.networks)
        of = f"of {' '.join(one.owner)}" if one.owner[0] else "which nothing makes anew"
        message = f"({of}) on {one.node}, started {one.started}, has no {lacks}"
        yield Diagnosis("missed", f"{one.namespace}/{one.name}", message, one.command)


def held(seen: Seen) -> dict[str, list[Address]]:
    """The addresses that pods have, by network."""
    found: dict[str, list[Address]] = {}
    for pod in seen.pods.values():
        for network, address in given(pod):
            found.setdefault(network, []).append(address)
    return found


def duplicates(seen: Seen) -> Iterator[Diagnosis]:
    """Addresses of Whereabouts that several pods have."""
    holders: dict[tuple[str, Address], list[str]] = {}
    for name, pod in seen.pods.items():
        for network, address in given(pod):
            if network in seen.by_whereabouts:
                holders.setdefault((network, address), []).append(name)
    for (network, address), names in holders.items():
        if len(names) > 1:
            space, _, pod_name = names[-1].partition("/")
            message = f"of {network} is the address of {' and '.join(names)}"
            command = f"kubectl delete pod {pod_name} --namespace {space}"
            yield Diagnosis("duplicate", str(address), message, command, Severity.ERROR)


def unused(seen: Seen) -> Iterator[Diagnosis]:
    """Networks that no pod asks for: nothing is wrong with that."""
    used = {name for pod in seen.pods.values() for name in asked(pod)}
    for one in seen.items("networks") if "pods" not in seen.forbidden else ():
        space, name = one["metadata"]["namespace"], one["metadata"]["name"]
        if f"{space}/{name}" not in used:
            command = f"kubectl describe network-attachment-definition {name} --namespace {space}"
            message = "is a network that no pod asks for"
            yield Diagnosis("unused", f"{space}/{name}", message, command, Severity.NOTE)
