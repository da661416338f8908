"""MultusComponent: which resources there are, in what order, with which options.

The order is the point. First the CRDs are marked so that no Helm operation deletes them, then
come the CRDs (a release of their own, awaited, or the main release for charts that hold them),
then side by side the networks and the main release, and last the one wait for ready pods. A
release is never replaced: names and namespace are fixed, and nothing deletes before it creates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi_command import local
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import chart as charts
from components import networks, oci
from components.access import Access
from components.args import MultusArgs
from components.live import COMMAND, UNDO, Task, script
from components.networks.annotation import Selection, pod_annotation
from components.networks.summary import summary
from components.schedule import DEFAULT as DEFAULT_SCHEDULE

# Helm keeps a Secret for each revision; without a limit they pile up for ever.
MAX_HISTORY: Final = 10
BUILT_IN: Final = ("default", "kube-system", "kube-public", "kube-node-lease")


class Guard(pulumi.ComponentResource):
    """What `destroy` comes to first, because it depends on the releases and all networks.

    Where it is protected nothing else goes: with the releases alone protected, `destroy` deletes
    every network before it refuses. It is not the wait for ready pods, which is missing from the
    state when it has failed.
    """

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("multus:index:Guard", name, None, opts)
        self.register_outputs({})


class MultusComponent(pulumi.ComponentResource):
    """Multus, the stack's IPAM plugin and the stack's networks on a cluster.

    Raises before anything is registered: MultusArgs has been checked when it exists.
    """

    release_name: pulumi.Output[str]
    """Name of the main Helm release."""
    chart_version: pulumi.Output[str]
    """Version of rke2-multus that is deployed."""
    networks: pulumi.Output[dict[str, Any]]
    """By `namespace/name`: namespace, annotation for pods, ipam, capacity in addresses.

    There when its networks are and Multus's pods are ready: what is made from it waits for both,
    since a pod that starts earlier goes without the network and nothing says so. Known at preview.
    Capacity is null where it is not known (DHCP, layer 2 only), and by node for host-local.
    `podsPerNode` is there where a node has room for one only, `resource` where pods must ask for
    a device plugin's, `example` where pods may choose an address or MAC address, and `links` in
    place of the annotation where networks before it must make a bond's interfaces.
    """
    values: pulumi.Output[dict[str, Any]]
    """The Helm values of the main release."""
    images: pulumi.Output[list[str]]
    """Every image that the nodes pull for it, as its pods name it."""

    def __init__(
        self,
        name: str,
        args: MultusArgs,
        *,
        packages: Mapping[str, str] | None = None,
        access: Access | None = None,
        secret_values: bool = False,
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        annotations: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Deploy `args`.

        packages: path of the checked package by chart name, from `packages.fetch`; without it
            Helm takes the charts from the repository or folder of `args.chart`, unchecked.
        access: how the commands reach the cluster; ambient where it is left out. Must be the
            same as the Kubernetes provider's in `opts`.
        secret_values: keep the Helm values secret in state and outputs.
        labels, annotations: metadata of every NetworkAttachmentDefinition; what a network has
            of its own wins.
        """
        if not isinstance(args, MultusArgs):
            raise TypeError(f"args must be MultusArgs, not {type(args).__name__}")
        super().__init__("multus:index:MultusComponent", name, None, opts)
        self._name = name
        self._args = args
        self._packages = packages or {}
        self._access = access or Access()
        for warning in args.warnings():
            pulumi.log.warn(warning, self)

        helm_values: pulumi.Input[dict[str, Any]] = args.values
        if secret_values:
            helm_values = pulumi.Output.secret(args.values)
        crds, release = self._releases(helm_values)
        declared = self._declare_networks(crds, labels, annotations)
        ready = self._wait_for(release)
        self._schedule(release)
        Guard(f"{name}-guard", opts=self._options(crds, release, *declared, protect=args.protect))

        self.release_name = release.name.apply(lambda known: known or charts.RELEASE)
        self.chart_version = release.version.apply(lambda known: known or args.chart.version)
        # A URN is known at preview too, and what comes from it depends on the resource.
        self._serving = pulumi.Output.all(*(one.urn for one in (*declared, ready)))
        self.networks = self._serving.apply(
            lambda _: {network.key: summary(network) for network in args.networks}
        )
        self.values = pulumi.Output.from_input(helm_values)
        images = list(args.images)  # named by the values, and a secret as these are
        self.images = (
            pulumi.Output.secret(images) if secret_values else pulumi.Output.from_input(images)
        )
        self.register_outputs(
            {
                "release_name": self.release_name,
                "chart_version": self.chart_version,
                "networks": self.networks,
                "values": self.values,
                "images": self.images,
            }
        )

    def pod_annotations(self, *selections: Selection) -> pulumi.Output[dict[str, str]]:
        """The annotations of a pod that joins these networks, in that order; raises ArgsError.

        They wait for what `networks` waits for.
        """
        joined = pod_annotation(selections, self._args.cluster, self._args.networks)
        return self._serving.apply(lambda _: joined.annotations)

    def _options(
        self, *depends_on: pulumi.Resource, protect: bool = False
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self, depends_on=list(depends_on), protect=protect or None
        )

    def _releases(self, values: pulumi.Input[dict[str, Any]]) -> tuple[Release, Release]:
        """The release that holds the networks' CRD, and the main one; they may be the same."""
        split = self._args.chart.facts.crd_version
        handover = self._task(
            "crd-handover",
            "handover",
            {
                "MULTUS_CRD_OWNER": charts.CRD_RELEASE if split else charts.RELEASE,
                "MULTUS_CRD_CHART": split or "",
                "MULTUS_RELEASES": f"{charts.RELEASE},{charts.CRD_RELEASE}",
                "MULTUS_CHART": self._args.chart.version,
                "MULTUS_IPAM": ",".join(self._args.ipams),
                "MULTUS_ADOPT": "true" if self._args.adopt else "",
            },
        )
        crds = None
        if split:
            crds = self._release(
                "crds",
                charts.CRD_RELEASE,
                charts.CRD_CHART,
                split,
                self._args.crd_values,
                skip_await=False,
                after=handover,
            )
        main = self._release(
            "release",
            charts.RELEASE,
            charts.CHART,
            self._args.chart.version,
            values,
            skip_await=True,
            after=crds or handover,
        )
        return crds or main, main

    def _release(
        self,
        suffix: str,
        release: str,
        chart: str,
        version: str,
        values: pulumi.Input[dict[str, Any]],
        *,
        skip_await: bool,
        after: pulumi.Resource,
    ) -> Release:
        return Release(
            f"{self._name}-{suffix}",
            name=release,
            namespace=charts.NAMESPACE,
            version=version,
            values=values,
            skip_await=skip_await,
            timeout=self._args.timeout,
            max_history=MAX_HISTORY,
            **self._source(chart, version),
            opts=self._options(after, protect=self._args.protect),
        )

    def _source(self, chart: str, version: str) -> dict[str, Any]:
        """Where Helm takes a chart from: the checked package, a folder, or the repository."""
        if path := self._packages.get(chart):
            return {"chart": path}
        if folder := self._args.chart.path:
            return {"chart": f"{folder}/{chart}-{version}.tgz"}
        repository = self._args.chart.repository
        if repository.startswith(oci.SCHEME):
            return {"chart": f"{repository}/{chart}"}
        return {"chart": chart, "repository_opts": RepositoryOptsArgs(repo=repository)}

    def _declare_networks(
        self,
        crds: Release,
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None,
        annotations: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None,
    ) -> list[CustomResource]:
        after: list[pulumi.Resource] = [crds]
        missing = sorted({network.namespace for network in self._args.networks} - set(BUILT_IN))
        if self._args.create_namespaces and missing:
            after.append(
                self._task(
                    "namespaces",
                    "namespaces",
                    {
                        "MULTUS_NAMESPACES": ",".join(missing),
                        "MULTUS_TIMEOUT": str(self._args.timeout),
                    },
                )
            )
        return [
            CustomResource(
                f"{self._name}-{network.cni_name}",
                api_version="k8s.cni.cncf.io/v1",
                kind="NetworkAttachmentDefinition",
                metadata=ObjectMetaArgs(
                    name=network.name,
                    namespace=network.namespace,
                    labels=_merged(labels, network.labels),
                    annotations=_merged(
                        annotations, {**network.annotations, **network.own_annotations}
                    ),
                ),
                spec={"config": networks.render(network, self._args.cluster.paths)},
                opts=self._options(*after),
            )
            for network in self._args.networks
        ]

    def _wait_for(self, release: Release) -> local.Command:
        """Until every pod of the release is ready, whatever becomes of the networks."""
        return self._task(
            "ready",
            "readiness",
            {
                "MULTUS_WORKLOADS": ",".join(self._args.workloads),
                "MULTUS_TIMEOUT": str(self._args.timeout),
                # Runs the wait again after each change of the release, as an update: a value in
                # `triggers` would replace this resource.
                "MULTUS_REVISION": release.status.apply(lambda status: str(status.revision)),
            },
            release,
        )

    def _schedule(self, release: Release) -> None:
        if schedule := self._args.reconciler_schedule:
            self._task(
                "schedule",
                "schedule",
                {
                    "MULTUS_SCHEDULE": schedule,
                    "MULTUS_SCHEDULE_DEFAULT": DEFAULT_SCHEDULE,
                    # An upgrade resets the ConfigMap; see _wait_for.
                    "MULTUS_REVISION": release.status.apply(lambda status: str(status.revision)),
                },
                release,
                delete=UNDO,
            )

    def _task(
        self,
        suffix: str,
        task: Task,
        environment: Mapping[str, pulumi.Input[str]],
        *depends_on: pulumi.Resource,
        delete: str | None = None,
    ) -> local.Command:
        return local.Command(
            f"{self._name}-{suffix}",
            create=COMMAND,
            delete=delete,
            stdin=script(task),
            environment={
                "MULTUS_NAMESPACE": charts.NAMESPACE,
                **self._access.environment(),
                **environment,
            },
            # What fails is in the error already; progress is on standard output.
            logging=local.Logging.STDOUT,
            opts=self._options(*depends_on),
        )


def _merged(
    shared: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None, own: Mapping[str, str]
) -> pulumi.Input[Mapping[str, pulumi.Input[str]]] | None:
    """Metadata of one network: what all have, and its own, which wins."""
    if not own:
        return shared
    if shared is None:
        return dict(own)
    return pulumi.Output.from_input(shared).apply(lambda given: {**given, **own})
