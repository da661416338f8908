"""MultusArgs: everything that a deployment is made from, checked as a whole.

The same model serves a stack's settings and the component's arguments; `check` is where its
parts meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from components import placement
from components import values as helm
from components.chart import Chart
from components.check import check
from components.cluster import Cluster
from components.faults import Fault
from components.forms import Form
from components.images import images
from components.ipam import StackIpam
from components.model import Model
from components.networks import Network, across
from components.networks.binaries import Binary
from components.networks.names import Name
from components.placement import EVERY_NODE, NodeSelector, Resources, Toleration
from components.schedule import Schedule
from components.values.kinds import REGISTRY_RULE, SOME_REGISTRY
from components.values.resources import NAME

SHORTEST_TIMEOUT: Final = 10

SecretName = Annotated[
    str,
    Form(
        rf"(?=.{{1,253}}$){NAME}",
        "the name of a Secret has lower case letters, digits, - and . only, at most 253",
    ),
]


def _off(value: Any) -> Any:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if value is False else value


Preflight = Annotated[Literal["auto", "required", "off"], BeforeValidator(_off)]


class MultusArgs(Model):
    """What to deploy. Every value is plain; see the stack files for examples."""

    cluster: Cluster
    """The cluster: distribution, version, nodes and, if it is not K3s's own, dataDir."""
    ipam: StackIpam
    """The IPAM plugin that the stack deploys: host-local, whereabouts or dhcp."""
    additional_ipam: tuple[StackIpam, ...] = ()
    """IPAM plugins that the stack deploys besides, for networks that need another."""
    networks: tuple[Network, ...] = ()
    """The networks, each one NetworkAttachmentDefinition."""
    chart: Chart = Chart()
    """Version and origin of the chart; the newest known version where it is left out."""
    namespace_isolation: bool = True
    """Keep pods from networks of other namespaces, except default and globalNamespaces."""
    global_namespaces: tuple[Name, ...] = ()
    """Namespaces whose networks all pods may use. Name default too, if it shall be one."""
    registry: Annotated[str, Form(SOME_REGISTRY, REGISTRY_RULE)] | None = None
    """Registry that all images come from, such as registry.lan:5000; Docker Hub without it."""
    image_pull_secrets: tuple[SecretName, ...] = ()
    """Names of Secrets in kube-system with which the nodes pull the images."""
    tolerations: tuple[Toleration, ...] = EVERY_NODE
    """Taints that Multus and its daemons tolerate; all of them where it is left out."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """Labels of the nodes that Multus and its daemons run on; all Linux nodes without it."""
    resources: Resources = Resources()
    """Requests and limits of the daemons whose container the chart lets them reach."""
    reconciler_schedule: Schedule | None = None
    """When Whereabouts looks for addresses of pods that are gone: cron's five fields, in UTC."""
    thick_plugin: bool = False
    """Run Multus as a daemon, where the cluster has the standard directories (not K3s)."""
    dynamic_networks_controller: bool = False
    """Attach and detach networks of running pods; needs thickPlugin."""
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
    preflight: Preflight = "auto"
    """Whether the live cluster is looked at first: auto (if it answers), required or off."""
    protect: bool = False
    """Let destroy refuse, before it removes anything."""

    def faults(self) -> Iterator[Fault]:
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        yield from check(parts)

    @property
    def ipams(self) -> tuple[str, ...]:
        """The plugins that the stack deploys."""
        return (self.ipam, *self.additional_ipam)

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
            helm.Choices(
                self.cluster.paths,
                self.ipams,
                namespace_isolation=self.namespace_isolation,
                global_namespaces=self.global_namespaces,
                registry=self.registry,
                pull_secrets=self.image_pull_secrets,
                tolerations=[one.render() for one in self.tolerations],
                node_selector=self.node_selector,
                resources=self.resources.render(),
                thick=self.thick_plugin,
                dynamic_networks=self.dynamic_networks_controller,
                containerd_socket=self.cluster.containerd_socket_path,
            )
        )

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that the nodes pull for this, as its pods name it."""
        return images(self.values, self.chart.facts)

    @property
    def workloads(self) -> tuple[str, ...]:
        """What the releases run, as `Kind/name`; names as the chart derives them."""
        found = ["DaemonSet/multus"]
        if self.dynamic_networks_controller:
            found.append("DaemonSet/multus-dnc")
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
        yield from placement.warnings(self.tolerations, self.node_selector)
        if (
            self.global_namespaces
            and "default" not in self.global_namespaces
            and any(network.namespace == "default" for network in self.networks)
        ):
            yield (
                "multus:globalNamespaces leaves out default, so the networks in default serve "
                "pods in default only. Without globalNamespaces they serve all pods"
            )
