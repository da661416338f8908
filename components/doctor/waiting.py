"""Pods that wait for their networks, by the last event of the kubelet about each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..chart.versions import NAMESPACE
from ..cluster_tasks.readiness import happened
from ..fail_closed import NETWORK
from ..findings import Severity
from .diagnosis import Diagnosis
from .seen import Seen

# What containerd's CRI plugin says (internal/cri/server/sandbox_run.go); other reasons why a pod
# cannot be made are not the networks'.
REFUSED: Final = re.compile(r'failed to setup network for sandbox "[^"]*": (.*)', re.DOTALL)
DAEMONS: Final = f"kubectl get pods --namespace {NAMESPACE} --field-selector=spec.nodeName={{node}}"
# What Multus and the plugins say -> what to do next; docs/runbook.md has more of them.
CAUSES: Final = (
    (NETWORK, DAEMONS),
    (
        "Unauthorized",
        f"kubectl rollout restart daemonset/multus --namespace {NAMESPACE}; then doctor again, "
        "because pods that wait may start without their networks",
    ),
    (
        "device or resource busy",
        "kubectl get pods --all-namespaces --field-selector=spec.nodeName={node}; one whose network"
        " is of the other kind, macvlan or ipvlan, keeps the master until it ends",
    ),
    (
        "Could not allocate IP in range|no IP addresses available",
        "widen the range in the stack file, and pulumi up",
    ),
    (
        "Link not found|failed to find host device",
        "give {node} a device of that name, or the network `nodes` that have one",
    ),
    ("cannot find a network-attachment-definition", "kubectl get net-attach-def --namespace {ns}"),
    (r"dhcp\.sock", DAEMONS),
)
OTHERWISE: Final = "kubectl describe pod {name} --namespace {ns}"


def waiting(seen: Seen) -> Iterator[Diagnosis]:
    """Pods whose networks cannot be made, so that they do not start."""
    said = {
        one["involvedObject"].get("uid"): found[1]
        for one in sorted(seen.items("events"), key=happened)
        if (found := REFUSED.search(one.get("message", "")))
    }
    for key, pod in seen.pods.items():
        why = said.get(pod["metadata"]["uid"])
        if why is None or pod.get("status", {}).get("podIPs"):
            continue
        node = pod["spec"].get("nodeName", "")
        namespace, _, name = key.partition("/")
        then = next((then for cause, then in CAUSES if re.search(cause, why)), OTHERWISE)
        command = then.format(node=node, ns=namespace, name=name)
        message = f"waits on {node}: {' '.join(why.split())}"
        yield Diagnosis("waiting", key, message, command, Severity.ERROR)
