"""Whereabouts' pools against the pods that have their addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..args import MultusArgs
from ..cluster_tasks.attachments import given
from ..findings import Severity
from ..ipam import Whereabouts
from .diagnosis import Diagnosis
from .seen import Allocation, Seen

NEARLY_FULL = 0.9


def unrecorded(seen: Seen) -> Iterator[Diagnosis]:
    """Addresses that a pod has and no pool counts: another pod will get the same."""
    counted = {one.address for one in seen.allocations}
    for name, pod in seen.pods.items() if "pools" not in seen.forbidden else ():
        space, _, pod_name = name.partition("/")
        for network, address in given(pod):
            if network in seen.by_whereabouts and address not in counted:
                message = f"of {name} is in {network}, and no pool counts it as taken"
                command = f"kubectl delete pod {pod_name} --namespace {space}"
                yield Diagnosis("duplicate", str(address), message, command, Severity.ERROR)


def stale(seen: Seen) -> Iterator[Diagnosis]:
    """Addresses that pools keep for pods that are gone, or that have others now.

    As Whereabouts' reconciler judges them, which frees them at its next run (`pkg/reconciler`).
    """
    for one in seen.allocations if "pods" not in seen.forbidden else ():
        pod = seen.pods.get(one.pod)
        if pod is None:
            why = f"is kept for {one.pod}, which is gone"
        elif (has := {ip for _, ip in given(pod)}) and one.address not in has:
            why = f"is kept for {one.pod}, which has {', '.join(map(str, has))}"
        else:
            continue
        yield Diagnosis("stale", str(one.address), f"of pool {one.pool} {why}", _free(one))


def _free(one: Allocation) -> str:
    patch = json.dumps([{"op": "remove", "path": f"/spec/allocations/{one.offset}"}])
    where = f"ippools.whereabouts.cni.cncf.io {one.pool} --namespace {one.namespace}"
    return f"wait for the reconciler, or kubectl patch {where} --type=json --patch='{patch}'"


def full(seen: Seen, args: MultusArgs) -> Iterator[Diagnosis]:
    """Networks of the stack that have given out nine addresses of ten."""
    for network in args.networks:
        ipam = getattr(network, "ipam", None)
        if not isinstance(ipam, Whereabouts) or not ipam.capacity:
            continue
        name = ipam.network_name or ""
        counted = {one.address for one in seen.allocations if one.network == name}
        for pool in ipam.pools:
            size = pool.addresses.size
            taken = sum(map(pool.hands_out, counted))
            if size and taken >= NEARLY_FULL * size:
                message = f"has given out {taken} of {size} addresses of {pool}"
                command = "widen the range in the stack file, and pulumi up"
                yield Diagnosis("pool", network.key, message, command)
