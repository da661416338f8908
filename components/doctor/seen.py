"""What `doctor` looks at: the objects that are read, and the fields of them that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_network
from typing import Any, Final

from ..addresses import Address
from ..chart.versions import NAMESPACE
from ..cluster_tasks.attachments import NETWORKS, STATUS, Live
from ..rules import live_objects as objects

_META: Final = dict.fromkeys(("name", "namespace", "labels", "deletionTimestamp"), True)
_POD_META: Final = {
    **_META,
    **dict.fromkeys(("uid", "ownerReferences"), True),
    "annotations": {NETWORKS: True, STATUS: True},
}
_POD: Final = {
    "metadata": _POD_META,
    "spec": dict.fromkeys(("nodeName", "hostNetwork"), True),
    "status": {
        **dict.fromkeys(("phase", "startTime", "podIPs"), True),
        "conditions": [dict.fromkeys(("type", "status"), True)],
    },
}
_EVENT: Final = {
    **dict.fromkeys(("message", "lastTimestamp", "eventTime", "series"), True),
    "involvedObject": {"uid": True},
}
_WHEREABOUTS: Final = "/apis/whereabouts.cni.cncf.io/v1alpha1"
# As `cluster_tasks/survey.py` takes it. Of Helm's Secrets only the labels are kept.
READS: Final[Mapping[str, Mapping[str, Any]]] = {
    "pools": {
        "path": f"{_WHEREABOUTS}/ippools",
        "keep": {"items": [{"metadata": _META, "spec": True}]},
    },
    "pods": {"path": "/api/v1/pods", "keep": {"items": [_POD]}},
    "nodes": {"path": "/api/v1/nodes", "keep": {"items": [{"metadata": _META}]}},
    "networks": {
        "path": "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions",
        "keep": {"items": [{"metadata": _META, "spec": {"config": True}}]},
    },
    "events": {
        "path": "/api/v1/events?fieldSelector=reason%3DFailedCreatePodSandBox",
        "keep": {"items": [_EVENT]},
    },
    "releases": {
        "path": f"/api/v1/namespaces/{NAMESPACE}/secrets?labelSelector=owner%3Dhelm",
        "keep": {"items": [{"metadata": {"labels": True}}]},
    },
}


@dataclass(frozen=True)
class Allocation:
    """An address that a pool of Whereabouts counts as taken."""

    address: Address
    pod: str
    """`namespace/name`."""
    pool: str
    """Name of the pool, which is in the namespace of Whereabouts."""
    namespace: str
    offset: str
    """Its key in the pool."""
    network: str
    """The `networkName` whose addresses the pool counts; empty for those without one."""


@dataclass(frozen=True)
class Seen(objects.Live):
    """What was found by the name of the read."""

    not_ready: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By `Kind/name` of a workload what keeps it from being ready, and a line for each pod."""

    @cached_property
    def pods(self) -> dict[str, Live]:
        """The pods that have not ended, by `namespace/name`."""
        alive: list[Any] = [
            pod
            for pod in self.items("pods")
            if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        ]
        return {key(pod): pod for pod in alive}

    @cached_property
    def allocations(self) -> list[Allocation]:
        """Of all pools, which count from the network's address (`pkg/storage/kubernetes`)."""
        found = []
        for pool in self.items("pools"):
            try:
                addresses = ip_network(pool["spec"]["range"], strict=False)
            except ValueError:
                continue  # not Whereabouts' own
            meta = pool["metadata"]
            network = _network_of(meta["name"], pool["spec"]["range"])
            for offset, taken in (pool["spec"].get("allocations") or {}).items():
                if not offset.isdecimal() or int(offset) >= addresses.num_addresses:
                    continue
                address, holder = addresses[int(offset)], (taken or {}).get("podref", "")
                where = (meta["name"], meta["namespace"], offset)
                found.append(Allocation(address, holder, *where, network))
        return found

    @cached_property
    def by_whereabouts(self) -> set[str]:
        """`namespace/name` of the networks whose addresses Whereabouts gives."""
        networks = self.items("networks")
        return {key(one) for one in networks if '"whereabouts"' in one["spec"].get("config", "")}


def _network_of(pool: str, cidr: str) -> str:
    """What stands before the range (`IPPoolName` in `pkg/storage/kubernetes`)."""
    written = cidr.replace(":", "-").replace("/", "-")
    return pool.partition(written)[0].removesuffix("-")


def key(thing: Mapping[str, Any]) -> str:
    return f"{thing['metadata']['namespace']}/{thing['metadata']['name']}"
