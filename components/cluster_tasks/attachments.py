"""Which pods run without a network that they ask for, by what the API server knows of them.

While Multus's pod is away its configuration is gone from the node. The runtime then uses the next
one, and a pod starts with eth0 alone, Running and Ready, without an event (multus-cni#1387, #1468,
#1527). What tells is the annotation that Multus writes at each attachment, or rather its absence.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

Live = dict[str, Any]  # an object as kubectl prints it

NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"
# What an annotation may lead to that is none of Multus's: anybody may write one.
UNREADABLE = (ValueError, AttributeError, TypeError, KeyError, RecursionError)
LONGEST = 80  # characters of a network's name
# What makes a pod anew without harm. A Job counts a deleted pod as failed, and of others nobody
# here knows (kubernetes pkg/controller/job, getStatus).
MADE_ANEW = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController")


@dataclass(frozen=True)
class Missed:
    """A pod that runs without networks that it asks for."""

    namespace: str
    name: str
    uid: str
    node: str
    started: str
    """When the kubelet took it on, as the API server writes times."""
    networks: tuple[str, ...]
    """`namespace/name` of those that it lacks; an annotation that nobody can read as it is."""
    owner: tuple[str, str]
    """Kind and name of what made it; empty where nothing did."""
    controller: str
    """UID of the object that makes it anew: of a Deployment's pod the ReplicaSet's."""
    mark: str
    """Another one where the pod got its interfaces anew."""

    @property
    def made_anew(self) -> bool:
        """Whether something makes it anew when it is deleted, and nothing else happens."""
        return self.owner[0] in MADE_ANEW

    @property
    def command(self) -> str:
        """What gives it its networks."""
        where = f"{self.name} --namespace {self.namespace}"
        if self.owner[0] == "Node":  # a static pod, which the API server only mirrors
            return f"on {self.node} move its manifest out of the directory of static pods and back"
        if self.owner[0]:
            return f"kubectl delete pod {where}"
        return f"kubectl get pod {where} --output yaml | kubectl replace --force --filename -"

    @property
    def line(self) -> str:
        """All of it for a person."""
        of = f" of {' '.join(self.owner)}" if self.owner[0] else ", which nothing makes anew,"
        lacks = ", ".join(
            one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}…" for one in self.networks
        )
        what = f"{self.namespace}/{self.name}{of} on {self.node}, started {self.started}"
        return f"{what}, has no {lacks}: {self.command}"


def requested(annotation: str, namespace: str) -> list[str]:
    """`namespace/name` of each network that an annotation of a pod in `namespace` asks for.

    As Multus reads it (parsePodNetworkAnnotation in pkg/k8sclient/k8sclient.go). Of what it cannot
    read the text itself: a pod with that does not start while Multus is there.
    """
    if not annotation.strip():
        return []
    if not any(one in annotation for one in '[{"'):
        names = [item.partition("@")[0].split("/") for item in annotation.split(",")]
        return [
            "/".join(map(str.strip, [namespace, *name][-max(2, len(name)) :])) for name in names
        ]
    try:  # Go's JSON takes a key in any case
        elements = [{k.lower(): v for k, v in one.items()} for one in json.loads(annotation)]
        return [f"{one.get('namespace') or namespace}/{one['name']}" for one in elements]
    except UNREADABLE:
        return [annotation]


def attached(pod: Live) -> Counter[str]:
    """`namespace/name` of each network that a pod has.

    A node that restarts makes a pod's interfaces anew, under the same annotation. If Multus was
    away then, the annotation still has the address of the eth0 before.
    """
    try:
        status = json.loads(notes(pod).get(STATUS) or "[]")
        default = {ip for one in status if one.get("default") for ip in one.get("ips") or ()}
        if default and not default & addresses(pod):
            return Counter()
        return Counter(one["name"] for one in status if not one.get("default"))
    except UNREADABLE:
        return Counter()


def given(pod: Live) -> list[tuple[str, IPv4Address | IPv6Address]]:
    """Network and address of each interface that a pod has besides eth0."""
    found = []
    for one in json.loads(notes(pod)[STATUS]) if attached(pod) else ():
        with suppress(*UNREADABLE):
            for text in () if one.get("default") else one.get("ips") or ():
                with suppress(ValueError):
                    found.append((str(one["name"]), ip_address(text)))
    return found


def asked(pod: Live) -> list[str]:
    """The networks that Multus is to give a pod. With the node's own network it is never called."""
    if pod["spec"].get("hostNetwork") or pod["metadata"].get("deletionTimestamp"):
        return []
    if pod.get("status", {}).get("phase") not in ("Pending", "Running"):
        return []
    return requested(notes(pod).get(NETWORKS) or "", pod["metadata"]["namespace"])


def missed(pods: list[Live]) -> list[Missed]:
    """The pods that have their interfaces, and not all of the networks that they ask for."""
    found = []
    for pod in pods:
        lacks = Counter(asked(pod)) - attached(pod)
        if lacks and addresses(pod):
            found.append(described(pod, tuple(lacks.elements())))
    return sorted(found, key=lambda one: (one.namespace, one.owner, one.name))


def starting(pods: list[Live]) -> set[str]:
    """UIDs of the pods on a node that ask for networks, and have no interface yet."""
    return {
        pod["metadata"]["uid"]
        for pod in pods
        if pod["spec"].get("nodeName") and asked(pod) and not addresses(pod)
    }


def described(pod: Live, lacks: tuple[str, ...]) -> Missed:
    meta = pod["metadata"]
    owners = meta.get("ownerReferences") or []
    made_by: Live = next((one for one in owners if one.get("controller")), {})
    owner = made_by.get("kind", ""), made_by.get("name", "")
    # A Deployment names its ReplicaSets so (kubernetes pkg/controller/deployment/sync.go).
    end = f"-{(meta.get('labels') or {}).get('pod-template-hash')}"
    if owner[0] == "ReplicaSet" and owner[1].endswith(end):
        owner = "Deployment", owner[1][: -len(end)]
    of_eth0 = f"{meta['uid']} {sorted(addresses(pod))}"
    return Missed(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        node=pod["spec"].get("nodeName", ""),
        started=pod["status"].get("startTime", "at an unknown time"),
        networks=lacks,
        owner=owner,
        controller=made_by.get("uid", ""),
        mark=hashlib.sha256(of_eth0.encode()).hexdigest()[:8],
    )


def addresses(pod: Live) -> set[str]:
    """Of its eth0, once the runtime has made its interfaces."""
    return {one["ip"] for one in pod.get("status", {}).get("podIPs") or ()}


def notes(pod: Live) -> dict[str, str]:
    found: dict[str, str] = pod["metadata"].get("annotations") or {}
    return found
