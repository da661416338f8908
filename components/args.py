"""MultusArgs: everything that a deployment is made from, checked as a whole.

The same model serves a stack's settings and the component's arguments. `check` is where the
parts meet: it works on whatever parts are sound, so that one fault does not hide another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import Field

from components import values as helm
from components.chart import Chart
from components.cluster import Cluster, Paths
from components.faults import Fault
from components.ipam import StackIpam
from components.model import Model
from components.networks import Network, across, binaries
from components.networks.binaries import Binary
from components.networks.names import Name

SHORTEST_TIMEOUT: Final = 10


class MultusArgs(Model):
    """What to deploy. Every value is plain; see the stack files for examples."""

    cluster: Cluster
    """The cluster: distribution, version, nodes and, if it is not K3s's own, dataDir."""
    ipam: StackIpam
    """The IPAM plugin that the stack deploys: host-local, whereabouts or dhcp."""
    networks: tuple[Network, ...] = ()
    """The networks, each one NetworkAttachmentDefinition."""
    chart: Chart = Chart()
    """Version and origin of the chart; the newest known version where it is left out."""
    namespace_isolation: bool = True
    """Keep pods from networks of other namespaces, except default and globalNamespaces."""
    global_namespaces: tuple[Name, ...] = ()
    """Namespaces whose networks all pods may use. Name default too, if it shall be one."""
    extra_binaries: tuple[Binary, ...] = ()
    """CNI plugins that are on each node beside the chart's own, such as sriov."""
    extra_values: dict[str, Any] = Field(default_factory=dict)
    """Further Helm values of rke2-multus; they cannot override what the program sets."""
    timeout: int = Field(default=300, ge=SHORTEST_TIMEOUT, le=3600)
    """Seconds that one step may take: the CRDs, the release, the wait for ready pods."""
    create_namespaces: bool = False
    """Make the networks' namespaces where they are missing. They are never deleted."""
    adopt: bool = False
    """Go on although Multus's Helm release exists and is not the stack's (docs/adopting.md)."""
    protect: bool = False
    """Let destroy refuse, before it removes anything."""

    def faults(self) -> Iterator[Fault]:
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        yield from check(parts)

    @property
    def ipams(self) -> tuple[str, ...]:
        """The plugins that the stack deploys."""
        return (self.ipam,)

    @property
    def values(self) -> helm.Values:
        """Helm values of the main release."""
        return helm.merged(self._typed_values, self.extra_values)

    @property
    def crd_values(self) -> helm.Values:
        """Helm values of the CRD release."""
        return helm.crd_typed(self.ipams)

    @property
    def _typed_values(self) -> helm.Values:
        return helm.typed(
            self.cluster.paths,
            self.ipams,
            namespace_isolation=self.namespace_isolation,
            global_namespaces=self.global_namespaces,
        )

    @property
    def workloads(self) -> tuple[str, ...]:
        """What the releases run, as `Kind/name`; names as the chart derives them."""
        found = ["DaemonSet/multus"]
        if "dhcp" in self.ipams:
            found.append("DaemonSet/multus-dhcp")
        if "whereabouts" in self.ipams:
            found.append("DaemonSet/whereabouts")
            if self.chart.facts.reconciler_deployment:
                found.append("Deployment/whereabouts-reconciler")
        return tuple(found)

    def warnings(self) -> Iterator[str]:
        """What works and will surprise, one sentence each."""
        yield from self.cluster.warnings()
        yield from across.warnings(self.networks)
        if (
            self.global_namespaces
            and "default" not in self.global_namespaces
            and any(network.namespace == "default" for network in self.networks)
        ):
            yield (
                "multus:globalNamespaces leaves out default, so the networks in default serve "
                "pods in default only. Without globalNamespaces they serve all pods"
            )


def check(parts: Mapping[str, Any], faulty: Collection[str] = ()) -> Iterator[Fault]:
    """Every fault across the parts, by the names of MultusArgs' fields.

    `networks` is a tuple, or a mapping of index to network where some are faulty. Other parts
    that are faulty themselves are missing; what needs them is not checked. `faulty` names them
    where a default would stand in for them.
    """
    cluster, ipam = parts.get("cluster"), parts.get("ipam")
    networks = parts.get("networks", {})
    placed = networks if isinstance(networks, Mapping) else dict(enumerate(networks))
    yield from (fault.under("networks") for fault in across.faults(placed, ipam, cluster))
    if "extra_binaries" not in faulty:
        extra = parts.get("extra_binaries", ())
        yield from (fault.under("extraBinaries") for fault in binaries.twice(extra))
        yield from (fault.under("networks") for fault in across.unknown_plugins(placed, extra))
    isolation = parts.get("namespace_isolation", True)
    shared = parts.get("global_namespaces", ())
    if shared and not isolation:
        yield Fault(
            ("globalNamespaces",), "does nothing without namespaceIsolation: true. Remove it"
        )
    decided = helm.typed(
        cluster.paths if cluster else Paths("", ""),
        (ipam,) if ipam else (),
        namespace_isolation=isolation,
        global_namespaces=shared,
    )
    stack = helm.Stack(parts.get("chart", Chart()).version, ipam, _plugins(placed.values(), ipam))
    yield from (
        fault.under("extraValues")
        for fault in helm.faults(parts.get("extra_values", {}), decided, stack)
    )


def _plugins(networks: Iterable[Network], ipam: str | None) -> tuple[str, ...]:
    """CNI plugins that the networks call, and that the DHCP daemon is."""
    found = {"dhcp"} if ipam == "dhcp" else set()
    for network in networks:
        found |= set(network.plugins)
    return tuple(sorted(found))
