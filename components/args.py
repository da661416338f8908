"""MultusArgs: everything that a deployment is made from.

The same model serves a stack's settings and the component's arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from .chart import values as helm
from .chart.extra_values import shape
from .chart.versions import Chart
from .cluster import AnyCluster
from .fields import Name, Namespace, PluginName, Registry
from .findings import Finding, Severity
from .ipam import StackIpam
from .model import Model
from .networks import AnyNetwork
from .placement import EVERY_NODE, NodeSelector, Resources, Toleration
from .rules import Allowed, Configuration, Declared, run, settle
from .schedule import Schedule
from .wording import descriptions, lower_case


def _off(value: Any) -> Any:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if value is False else value


class MultusArgs(Model):
    """What to deploy. Every value is plain; see the stack files for examples."""

    cluster: AnyCluster
    """The cluster: distribution, version, nodes and, if it is not K3s's own, dataDir."""
    deploy: Literal["all", "networks"] = "all"
    """What to deploy: all, or only the networks, on a cluster that has Multus already."""
    ipam: StackIpam | None = None
    """The IPAM plugin that the stack deploys: host-local, whereabouts or dhcp."""
    additional_ipam: tuple[StackIpam, ...] = ()
    """IPAM plugins that the stack deploys besides, for networks that need another."""
    networks: tuple[AnyNetwork, ...] = ()
    """The networks, each one NetworkAttachmentDefinition."""
    allow: tuple[str, ...] = ()
    """Names of the rules that the whole stack may break (docs/rules.md)."""
    strict: bool = False
    """Treat warnings as errors."""
    chart: Chart = Field(default_factory=Chart)
    """Version and origin of the chart; the newest known version where it is left out."""
    namespace_isolation: bool = True
    """Keep pods from networks of other namespaces, except default and globalNamespaces."""
    global_namespaces: tuple[Namespace, ...] = ()
    """Namespaces whose networks all pods may use. Name default too, if it shall be one."""
    registry: Registry | None = None
    """Registry that all images come from, such as registry.lan:5000; Docker Hub without it."""
    image_pull_secrets: tuple[Name, ...] = ()
    """Names of Secrets in kube-system with which the nodes pull the images."""
    tolerations: tuple[Toleration, ...] = EVERY_NODE
    """Taints that Multus and its daemons tolerate; all of them where it is left out."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """Labels of the nodes that Multus and its daemons run on; all Linux nodes without it."""
    resources: Resources = Field(default_factory=dict)
    """Requests and limits of the daemons whose container the chart lets them reach."""
    reconciler_schedule: Schedule | None = None
    """When Whereabouts looks for addresses of pods that are gone: cron's five fields, in UTC."""
    thick_plugin: bool = False
    """Run Multus as a daemon, where the cluster has the standard directories (not K3s)."""
    dynamic_networks_controller: bool = False
    """Attach and detach networks of running pods; needs thickPlugin."""
    extra_plugins: tuple[PluginName, ...] = ()
    """CNI plugins that are on each node beside the chart's own, such as sriov."""
    extra_values: dict[str, Any] = Field(default_factory=dict)
    """Further Helm values of rke2-multus; they cannot override what the program sets."""
    timeout: int = Field(default=300, ge=10, le=3600)
    """Seconds that one step may take: the CRDs, the release, the wait for ready pods."""
    create_namespaces: bool = False
    """Make the networks' namespaces where they are missing. They are never deleted."""
    adopt: bool = False
    """Go on although Multus's release or the networks exist already (docs/adopting.md)."""
    preflight: Annotated[Literal["auto", "required", "off"], BeforeValidator(_off)] = "auto"
    """Whether the live cluster is looked at first: auto (if it answers), required or off."""
    missed: Literal["warn", "restart", "fail"] = "warn"
    """What up does about pods that started without their networks since it began."""
    repair: str | None = None
    """Any words. Where they change, Helm puts the releases' objects back as the chart has them."""
    protect: bool = False
    """Let destroy refuse, before it removes anything."""

    def incomplete(self) -> Iterator[Finding]:
        """What a Python program cannot deploy. A stack's findings are collected by `parse`."""
        if self.ipam is None and self.deploy == "all":
            yield Finding(("ipam",), f"is missing: {lower_case(descriptions(MultusArgs)['ipam'])}")
        yield from (one for one in self.findings if one.severity is Severity.ERROR)

    _known: tuple[Configuration, tuple[Finding, ...]] | None = PrivateAttr(default=None)
    """What `parse` found of a stack, which knows files and lines."""

    @classmethod
    def of_stack(cls, found: Configuration, findings: Iterable[Finding]) -> MultusArgs:
        """Of a stack's sound parts, with all that there is to say of them."""
        networks = tuple(one.network for one in found.networks)
        args = cls.model_construct(**found.parts, networks=networks)
        args._known = found, tuple(findings)  # noqa: SLF001
        return args

    @cached_property
    def configuration(self) -> Configuration:
        """What the rules look at."""
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        if self._known:
            return replace(self._known[0], parts=parts)
        declared = (Declared(at, one, ("networks", at)) for at, one in enumerate(self.networks))
        return Configuration(parts, tuple(declared))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that the rules say, without what is allowed."""
        return self._known[1] if self._known else tuple(examined(self.configuration))

    @property
    def ipams(self) -> tuple[str, ...]:
        """The plugins that the stack deploys."""
        return (self.ipam, *self.additional_ipam) if self.ipam else ()

    @property
    def values(self) -> helm.Values:
        """Helm values of the main release; empty where there is none."""
        if self.deploy == "networks":
            return {}
        return helm.chart_values(self.cluster, self.ipams, self.configuration.parts)

    @property
    def crd_values(self) -> helm.Values:
        """Helm values of the CRD release, whose chart has no defaults of its own."""
        return {"rke2-whereabouts": {"enabled": "whereabouts" in self.ipams}}

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that the nodes pull for this, as its pods name it."""
        return helm.images(self.values, self.chart.facts)

    @property
    def workloads(self) -> tuple[str, ...]:
        """What the releases run, as `Kind/name`; names as the chart derives them."""
        reconciler = self.chart.facts.reconciler_deployment
        found = {
            "DaemonSet/multus": True,
            "DaemonSet/multus-dnc": self.dynamic_networks_controller,
            "DaemonSet/multus-dhcp": "dhcp" in self.ipams,
            "DaemonSet/whereabouts": "whereabouts" in self.ipams,
            "Deployment/whereabouts-reconciler": "whereabouts" in self.ipams and reconciler,
        }
        return tuple(name for name, deployed in found.items() if deployed)


def allowed(config: Configuration) -> list[Allowed]:
    """The rules that may be broken, and where."""
    own = [Allowed((*one.path, "allow"), one.network.allow) for one in config.networks]
    return [Allowed(("allow",), config.get("allow", ())), *own]


def examined(config: Configuration) -> list[Finding]:
    """Every finding about what could be read: of the raw Helm values' form, and of the rules."""
    found = [one.under("extraValues") for one in shape(config.get("extra_values", {}))]
    readable = config.without("extra_values") if found else config
    found += run(readable)
    return settle(found, allowed(config), strict=config.get("strict", False))
