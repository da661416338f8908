"""Takes a cluster back to what it held before, so that tests can share one.

By listing everything: a test need not know what a chart makes, and a chart that makes something
new leaves nothing behind. It does not restore what was changed or deleted, only removes what came.
"""

from __future__ import annotations

from dataclasses import dataclass

from testbed.kubectl import Kubectl

# Made by controllers for others' sake: they go with their owners or by themselves.
FOLLOWERS = (
    "bindings",
    "controllerrevisions.apps",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "events",
    "events.events.k8s.io",
    "ipaddresses.networking.k8s.io",
    "leases.coordination.k8s.io",
    "pods",
    "replicasets.apps",
)
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
NAMESPACED_DEFAULTS = ("configmap/kube-root-ca.crt", "serviceaccount/default")

Entry = tuple[str, str]  # namespace ("" for none) and kind.group/name


@dataclass(frozen=True)
class Leftovers:
    """What a cluster held at one moment."""

    cluster: Kubectl
    before: frozenset[Entry]
    pods: frozenset[str]

    @classmethod
    def note(cls, cluster: Kubectl) -> Leftovers:
        return cls(cluster, frozenset(_everything(cluster)), frozenset(_pods(cluster)))

    def found(self) -> set[Entry]:
        """What has come since."""
        return {
            (namespace, name)
            for namespace, name in set(_everything(self.cluster)) - self.before
            if name not in NAMESPACED_DEFAULTS
        }

    def remove(self) -> None:
        """Removes what has come since, and returns when it and all its pods are gone."""
        found = self.found()
        definitions = {entry for entry in found if entry[1].startswith("customresourcedefinition")}
        # With its definition every custom resource goes too, and with its namespace everything.
        spaces = {entry for entry in found if entry[1].startswith("namespace/")}
        names = {name.partition("/")[2] for _, name in spaces}
        self._delete(definitions)
        rest = self.found() if definitions else found
        self._delete({entry for entry in rest - spaces if entry[0] not in names})
        self._delete(spaces)
        self.cluster.wait_for(lambda: _pods(self.cluster) <= self.pods, "a test's pods to vanish")

    def _delete(self, entries: set[Entry]) -> None:
        spaces: dict[str, list[str]] = {}
        for namespace, name in entries:
            spaces.setdefault(namespace, []).append(name)
        for namespace, names in spaces.items():
            where = ("-n", namespace) if namespace else ()
            self.cluster.kubectl("delete", *where, "--ignore-not-found", *sorted(names))


def _pods(cluster: Kubectl) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.items("pods", "-A")}


def _everything(cluster: Kubectl) -> set[Entry]:
    kinds = cluster.kubectl("api-resources", "--verbs=list,delete", "-o", "name").split()
    wanted = ",".join(kind for kind in kinds if kind not in FOLLOWERS)
    columns = "custom-columns=N:.metadata.namespace,K:.kind,A:.apiVersion,M:.metadata.name"
    options = ("-A", "--ignore-not-found", "--no-headers", "-o", columns)
    found: set[Entry] = set()
    for line in cluster.kubectl("get", wanted, *options).splitlines():
        namespace, kind, api, name = line.split(None, 3)
        group = api.rpartition("/")[0]
        full = f"{kind.lower()}.{group}" if group else kind.lower()
        found.add(("" if namespace == "<none>" else namespace, f"{full}/{name}"))
    return found
