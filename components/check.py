"""Faults across the parts of MultusArgs: where a setting meets another one.

It works on whatever parts are sound, so that one fault does not hide another.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final

from components import values as helm
from components.chart import Chart
from components.cluster import AnyCluster, Paths
from components.cluster.common import STANDARD_BIN, STANDARD_CONF
from components.faults import Fault
from components.networks import AnyNetwork, across, binaries
from components.placement import Resources, resource_faults

# Stands for the paths of a cluster that is faulty itself; no value is ever rendered with it.
NOWHERE: Final = Paths("", "")


def check(parts: Mapping[str, Any], unsound: Container[str] = ()) -> Iterator[Fault]:
    """Every fault across the parts, by the names of MultusArgs' fields.

    `networks` is a tuple, or a mapping of index to network where some are faulty. Other parts
    that are faulty themselves are missing, and named as `unsound` where they have a default; what
    needs them is not checked.
    """
    cluster, ipam = parts.get("cluster"), parts.get("ipam")
    additional = parts.get("additional_ipam", ())
    ipams = (ipam, *additional) if ipam and "additional_ipam" not in unsound else ()
    networks = parts.get("networks", {})
    placed = networks if isinstance(networks, Mapping) else dict(enumerate(networks))
    yield from (fault.under("networks") for fault in across.faults(placed, ipams, cluster))
    if "extra_binaries" not in unsound:
        extra = parts.get("extra_binaries", ())
        yield from (fault.under("extraBinaries") for fault in binaries.twice(extra))
        yield from (fault.under("networks") for fault in across.unknown_plugins(placed, extra))
    yield from _additional(ipam, additional)
    isolation = parts.get("namespace_isolation", True)
    shared = parts.get("global_namespaces", ())
    if shared and not isolation:
        yield Fault(
            ("globalNamespaces",), "does nothing without namespaceIsolation: true. Remove it"
        )
    chart = parts.get("chart", Chart())
    thick = parts.get("thick_plugin", False)
    dynamic = parts.get("dynamic_networks_controller", False)
    yield from _thick(cluster, thick=thick, dynamic=dynamic, unknown="thick_plugin" in unsound)
    yield from (
        fault.under("resources")
        for fault in resource_faults(
            parts.get("resources", Resources()), chart, ipams, thick=thick, dynamic=dynamic
        )
    )
    if parts.get("reconciler_schedule") and ipams and "whereabouts" not in ipams:
        yield Fault(
            ("reconcilerSchedule",),
            f"does nothing: the stack deploys {' and '.join(ipams)}, and not Whereabouts. "
            "Remove it",
        )
    decided = helm.typed(
        helm.Choices(
            cluster.paths if cluster else NOWHERE,
            ipams,
            namespace_isolation=isolation,
            global_namespaces=shared,
            thick=thick,
        )
    )
    stack = helm.Stack(
        chart.version,
        ipams,
        _plugins(placed.values(), ipams),
        thick=thick,
        dynamic=dynamic,
        registry=parts.get("registry"),
    )
    yield from (
        fault.under("extraValues")
        for fault in helm.faults(parts.get("extra_values", {}), decided, stack)
    )


def _additional(ipam: str | None, additional: tuple[str, ...]) -> Iterator[Fault]:
    for index, plugin in enumerate(additional):
        if plugin == ipam:
            rule = "multus:ipam is that already. Remove it"
            yield Fault(("additionalIpam", index), rule, plugin)
        elif plugin in additional[:index]:
            yield Fault(("additionalIpam", index), "it is there twice. Remove one", plugin)


def _thick(
    cluster: AnyCluster | None, *, thick: bool, dynamic: bool, unknown: bool
) -> Iterator[Fault]:
    if thick and cluster is not None and not cluster.paths.standard:
        # The DaemonSet of the chart hard-codes them (daemonSet-thick.yaml, up to v4.3.017), and
        # the daemon wants the plugins under one path in its pod and on the node.
        whose = f"which {cluster.product} never reads"
        if cluster.distribution == "custom":
            whose = "and multus:cluster names others"
        yield Fault(
            ("thickPlugin",),
            f"cannot work here: its DaemonSet writes to {STANDARD_CONF} and {STANDARD_BIN}, "
            f"{whose}. Remove it: the thin plugin does the same work",
        )
    if not dynamic:
        return
    if not thick and not unknown:
        yield Fault(
            ("dynamicNetworksController",),
            "needs the thick plugin's daemon. Set multus:thickPlugin: true, or remove it",
        )
    if cluster is not None and cluster.containerd_socket_path is None:
        yield Fault(
            ("cluster", "containerdSocket"),
            "is missing: the dynamic networks controller looks for pods there",
            absence=True,
        )


def _plugins(networks: Iterable[AnyNetwork], ipams: tuple[str, ...]) -> tuple[str, ...]:
    """CNI plugins that the networks call, and that the DHCP daemon is."""
    found = {"dhcp"} & {*ipams}
    for network in networks:
        found |= {*network.plugins}
    return tuple(sorted(found))
