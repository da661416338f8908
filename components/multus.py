"""MultusComponent: which resources there are, in what order, with which options.

The order is the point. First the CRDs are marked so that no Helm operation deletes them, then come
the CRDs (in a release of their own, or the main one), then side by side the networks and the main
release, and last the wait for ready pods. A release is never replaced: names and namespace are
fixed, and nothing deletes before it creates.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import pulumi
from pulumi_command import Provider, local
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from . import fail_closed, manifest, schedule
from .access import (
    Access,
    beside,
    provider,
    provider_in,
    refuse_a_second,
    resolved,
    server,
    unsupported,
)
from .args import MultusArgs
from .chart import versions as chart
from .chart.packages import ChartError, download_packages
from .cluster_tasks import COMMAND, UNDO, Task, script
from .engine import AfterUp, Unfinished, own_state, preflight
from .networks import Network
from .networks.annotation import Selection, pod_annotation
from .networks.summary import summary

Texts = Mapping[str, str]
Metadata = pulumi.Input[Mapping[str, pulumi.Input[str]]]

# Helm keeps a Secret for each revision; without a limit they pile up for ever.
MAX_HISTORY: Final = 10
BUILT_IN: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
TYPE: Final = "multus:index:MultusComponent"
OUTPUTS: Final = ("release_name", "chart_version", "networks", "values", "images")


class MultusComponent(pulumi.ComponentResource):
    """Multus, the stack's IPAM plugin and the stack's networks on a cluster."""

    provider: pulumi.ProviderResource
    """The Kubernetes provider: the one in `opts`, or else the component's own."""
    release_name: pulumi.Output[str | None]
    """Name of the main Helm release; None where only networks are deployed, which have none."""
    chart_version: pulumi.Output[str | None]
    """Version of rke2-multus that is deployed, likewise."""
    networks: pulumi.Output[dict[str, Any]]
    """By `namespace/name`: namespace, annotation for pods, ipam, capacity in addresses.

    Known at preview, and there when the networks are and Multus's pods are ready: what is made
    from it waits for both. A pod that starts earlier goes without. `networks.summary` has more.
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
        labels: Metadata | None = None,
        annotations: Metadata | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Deploy `args`; raises pulumi.RunError before anything is registered.

        packages: path of the checked package by chart name; downloaded where it is left out.
        access: how to reach the cluster where `opts` has no Kubernetes provider; else the
            provider says it. Ambient where there is neither.
        secret_values: keep the Helm values secret in state and outputs.
        labels, annotations: metadata of every NetworkAttachmentDefinition; what a network has
            of its own wins.
        """
        if not isinstance(args, MultusArgs):
            raise TypeError(f"args must be MultusArgs, not {type(args).__name__}")
        given = provider_in(opts)
        if wrong := unsupported(given):  # renders to files, and has no cluster to be found
            raise pulumi.RunError(f"{wrong}. Nothing was changed")
        self._access = resolved(given, access)
        if whole := args.deploy == "all":
            refuse_a_second(name, server(self._access))
        self._packages = packages or (_downloaded(args.chart) if whole else {})
        commands = provider_in(opts, "command")
        made: list[pulumi.ProviderResource] = []
        if commands is None:  # the first that is registered, once all else is known to be right
            commands = Provider(f"{name}-commands", opts=beside(TYPE, name, opts, "commands"))
            made.append(commands)
        own = own_state()
        preflight.run(args, self._access, commands, own)
        self._unfinished = Unfinished(args, self._access, commands, own)
        missed = AfterUp(args, self._access, commands)
        if given is None:
            given = provider(self._access, f"{name}-cluster", beside(TYPE, name, opts, "cluster"))
            made.append(given)
        self.provider = given
        ours = pulumi.ResourceOptions(providers=made)
        super().__init__(TYPE, name, None, pulumi.ResourceOptions.merge(opts, ours))
        self._name, self._args = name, args
        preflight.log_findings(args.findings, self)

        self.values = pulumi.Output.from_input(args.values)
        self.images = pulumi.Output.from_input(list(args.images))
        if secret_values:  # which name the images, too
            self.values = pulumi.Output.secret(self.values)
            self.images = pulumi.Output.secret(self.images)
        releases = self._releases() if whole else []
        declared = self._declare_networks(releases[:1], labels, annotations)
        ready = [self._wait_for(one) for one in releases[1:]]
        # `destroy` comes to it first, and where it is protected to nothing else (ADR 4). The wait
        # for ready pods cannot serve: where it has failed it is not in the state.
        guarded = self._options(*releases, *declared, protect=args.protect or None)
        pulumi.ComponentResource("multus:index:Guard", f"{name}-guard", None, guarded)
        if whole and args.cluster.fail_closed:
            file = fail_closed.path(args.cluster.paths.conf_dir)
            where = {"MULTUS_LABEL": fail_closed.LABEL, "MULTUS_FILE": file}
            self._task("fail-closed", "fail_closed", *releases, *declared, delete=UNDO, **where)

        self.release_name = self.chart_version = pulumi.Output.from_input(None)
        for main in releases[1:]:
            self.release_name = main.name.apply(lambda known: known or chart.RELEASE)
            self.chart_version = main.version.apply(lambda known: known or args.chart.version)
        missed.judge((*declared, *ready), self)
        # A URN is known at preview too, and what comes from it depends on the resource.
        self._serving = pulumi.Output.all(*(one.urn for one in (*declared, *ready)))
        self.networks = self._serving.apply(lambda _: {n.key: summary(n) for n in args.networks})
        self.register_outputs({key: getattr(self, key) for key in OUTPUTS})

    def pod_annotations(self, *selections: Selection) -> pulumi.Output[dict[str, str]]:
        """The annotations of a pod that joins these networks, in that order; raises ArgsError.

        They wait for what `networks` waits for.
        """
        joined = pod_annotation(selections, self._args.cluster, self._args.networks)
        return self._serving.apply(lambda _: joined.annotations)

    def _options(self, *after: pulumi.Resource, **others: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[*after], **others)

    def _releases(self) -> list[Release]:
        """The release that holds the networks' CRD, and the main one; they may be the same."""
        args, split = self._args, self._args.chart.facts.crd_version
        handover = self._task(
            "crd-handover",
            "crd_handover",
            delete=UNDO,  # which comes after both releases
            MULTUS_CRD_OWNER=chart.CRD_RELEASE if split else chart.RELEASE,
            MULTUS_CRD_CHART=split or "",
            MULTUS_RELEASES=f"{chart.RELEASE},{chart.CRD_RELEASE}",
            MULTUS_CHART=args.chart.version,
            MULTUS_IPAM=",".join(args.ipams),
            MULTUS_ADOPT="true" if args.adopt else "",
            MULTUS_WORKLOADS=",".join(args.workloads),
            MULTUS_TIMEOUT=str(args.timeout),
            MULTUS_CONF_DIR=args.cluster.paths.conf_dir,
        )

        def release(suffix: str, package: str, after: pulumi.Resource, **inputs: Any) -> Release:
            words = self._unfinished.words(inputs["name"], handover)
            kept = ["description"] if words is None else None
            return Release(
                f"{self._name}-{suffix}",
                chart=self._packages[package],
                namespace=chart.NAMESPACE,
                timeout=args.timeout,
                max_history=MAX_HISTORY,
                skip_await=True,  # pods have their own wait, CRDs the provider's six tries
                description=words,  # an upgrade to what it is restores what drifted
                opts=self._options(after, protect=args.protect or None, ignore_changes=kept),
                **inputs,
            )

        crds = None
        if split:
            named = {"name": chart.CRD_RELEASE, "version": split}
            crds = release("crds", chart.CRD_CHART, handover, **named, values=args.crd_values)
        before: pulumi.Resource = crds or handover
        if not args.cluster.fail_closed:  # else the nodes themselves let pods wait
            before = self._task("hold", "hold", before, **self._held())
        named = {"name": chart.RELEASE, "version": args.chart.version}
        main = release("release", chart.CHART, before, **named, values=self.values)
        return [crds or main, main]

    def _held(self) -> dict[str, Any]:
        """For the tasks that hold Multus's configuration: another text before each release."""
        change = pulumi.Output.json_dumps([script("hold"), self._args.chart.version, self.values])
        digest = change.apply(lambda text: sha256(text.encode()).hexdigest())
        return {"MULTUS_HOLD": chart.HOLD, "MULTUS_CHANGE": digest}

    def _declare_networks(
        self, crds: list[Release], labels: Metadata | None, annotations: Metadata | None
    ) -> list[CustomResource]:
        args = self._args
        after: list[pulumi.Resource] = [*crds]
        missing = sorted({network.namespace for network in args.networks} - {*BUILT_IN})
        if args.create_namespaces and missing:
            told = {"MULTUS_NAMESPACES": ",".join(missing), "MULTUS_TIMEOUT": str(args.timeout)}
            after.append(self._task("namespaces", "namespaces", **told))

        least = {} if args.adopt else manifest.OF_ALL  # who adopts changes no network

        def declare(network: Network) -> CustomResource:
            own = {**network.annotations, **network.own_annotations}
            return CustomResource(
                f"{self._name}-{network.namespace}.{network.name}",
                api_version=manifest.API,
                kind=manifest.KIND,
                metadata=ObjectMetaArgs(
                    name=network.name,
                    namespace=network.namespace,
                    labels=_merged(labels, network.labels, {}),
                    annotations=_merged(annotations, own, least),
                ),
                spec={"config": network.render()},
                opts=self._options(*after),
            )

        return [declare(network) for network in args.networks]

    def _wait_for(self, release: Release) -> local.Command:
        """Until every pod of the release is ready, whatever becomes of the networks."""
        # Runs the tasks again after each change of the release, as an update: a value in
        # `triggers` would replace them. There is no status where `--target` leaves the release out.
        revision = release.status.apply(lambda status: str(status.revision) if status else "")
        if cron := self._args.reconciler_schedule:
            self._task(
                "schedule",
                "schedule",
                release,
                delete=UNDO,
                MULTUS_SCHEDULE=cron,
                MULTUS_SCHEDULE_DEFAULT=schedule.DEFAULT,
                MULTUS_REVISION=revision,
            )
        return self._task(
            "ready",
            "readiness",
            release,
            MULTUS_WORKLOADS=",".join(self._args.workloads),
            MULTUS_TIMEOUT=str(self._args.timeout),
            MULTUS_REVISION=revision,
            MULTUS_RELEASES=f"{chart.RELEASE},{chart.CRD_RELEASE}",
            **self._held(),
        )

    def _task(
        self,
        suffix: str,
        task: Task,
        *depends_on: pulumi.Resource,
        delete: str | None = None,
        **environment: pulumi.Input[str],
    ) -> local.Command:
        return local.Command(
            f"{self._name}-{suffix}",
            create=COMMAND,
            delete=delete,
            stdin=script(task),
            environment={
                "MULTUS_NAMESPACE": chart.NAMESPACE,
                **self._access.environment(),
                **environment,
            },
            # What fails is in the error already; progress is on standard output.
            logging=local.Logging.STDOUT,
            opts=self._options(*depends_on),
        )


def _downloaded(version: chart.Chart) -> dict[str, str]:
    try:
        return download_packages(version)
    except ChartError as error:
        raise pulumi.RunError(str(error)) from error


def _merged(shared: Metadata | None, own: Texts, least: Texts) -> Metadata | None:
    """Metadata of one network: `least`, over it what all have, over that its own."""
    if shared is None:
        return {**least, **own} or None
    return pulumi.Output.from_input(shared).apply(lambda given: {**least, **given, **own})
