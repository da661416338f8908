"""Rules about IPAM plugins: whether the stack deploys them, and whether they can work there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..findings import repeated
from ..ipam import Dhcp, HostLocal, Whereabouts
from ..ipam.dhcp import OPTIONS
from .configuration import Configuration, Declared
from .registry import Hit, rule

LOG_LEVELS: Final = ("debug", "verbose", "error", "panic")
DHCP_SOCKET: Final = "/run/cni/dhcp.sock"


def _deployed(config: Configuration) -> str:
    if len(config.ipams) == 1:
        return f"{config.ipams[0]} (multus:ipam)"
    return f"{' and '.join(config.ipams)} (multus:ipam and additionalIpam)"


@rule("ipam-not-deployed")
def ipam_not_deployed(one: Declared, config: Configuration) -> Iterator[Hit]:
    plugin = one.ipam
    if isinstance(plugin, Whereabouts | Dhcp) and config.ipams and plugin.type not in config.ipams:
        message = f"the stack deploys {_deployed(config)}, and it needs a daemon on each node"
        remedy = f"List {plugin.type} in multus:additionalIpam"
        yield Hit(("ipam", "type"), message, plugin.type, remedy)


@rule("ipam-not-selected")
def ipam_not_selected(one: Declared, config: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, HostLocal) and config.ipams and one.ipam.type not in config.ipams:
        message = f"the stack deploys {_deployed(config)}"
        remedy = "It works; list host-local in multus:additionalIpam to say that it is meant"
        yield Hit(("ipam", "type"), message, one.ipam.type, remedy)


@rule("host-local-on-several-nodes")
def host_local_on_several_nodes(one: Declared, config: Configuration) -> Iterator[Hit]:
    several = config.cluster is not None and config.cluster.nodes == "multi"
    if isinstance(one.ipam, HostLocal) and several:
        message = "the cluster has several nodes, and each would hand out the same addresses"
        yield Hit(("ipam", "type"), message, one.ipam.type)


@rule("whereabouts-settings-elsewhere")
def whereabouts_settings_elsewhere(one: Declared, config: Configuration) -> Iterator[Hit]:
    if not isinstance(one.ipam, Whereabouts) or config.cluster is None:
        return
    paths = config.cluster.paths
    given = one.ipam.configuration_path
    if given is not None and given != paths.whereabouts_conf:
        where = ("ipam", "configurationPath")
        yield Hit(where, f"the nodes have it at {paths.whereabouts_conf}", given)
    kubeconfig = one.ipam.kubernetes and one.ipam.kubernetes.kubeconfig
    if kubeconfig and kubeconfig != paths.whereabouts_kubeconfig:
        its = ("ipam", "kubernetes", "kubeconfig")
        yield Hit(its, f"the nodes have it at {paths.whereabouts_kubeconfig}", kubeconfig)


@rule("node-slices")
def node_slices(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, Whereabouts) and (size := one.ipam.node_slice_size):
        message = "node slices need the node slice controller, which the chart cannot install"
        yield Hit(("ipam", "nodeSliceSize"), message, size)


@rule("lease-times")
def lease_times(one: Declared, _: Configuration) -> Iterator[Hit]:
    plugin = one.ipam
    if not isinstance(plugin, Whereabouts):
        return
    lease, deadline = plugin.leader_lease_duration, plugin.leader_renew_deadline
    if lease <= deadline:
        message = f"it must be more than leaderRenewDeadline ({deadline})"
        yield Hit(("ipam", "leaderLeaseDuration"), message, lease)
    if deadline <= plugin.leader_retry_period * 1.2:
        message = f"it must be more than 1.2 times leaderRetryPeriod ({plugin.leader_retry_period})"
        yield Hit(("ipam", "leaderRenewDeadline"), message, deadline)


@rule("pool-name")
def pool_name(one: Declared, _: Configuration) -> Iterator[Hit]:
    if not isinstance(one.ipam, Whereabouts) or one.ipam.network_name is not None:
        return
    for path, entry in one.ipam.entries:
        if str(entry.cidr).startswith(":"):
            message = (
                "the plugin names its pool after it, with - for each colon, and Kubernetes takes "
                "no name that begins so"
            )
            yield Hit(("ipam", *path, "range"), message, str(entry.range))


@rule("unknown-log-level")
def unknown_log_level(one: Declared, _: Configuration) -> Iterator[Hit]:
    level = one.ipam.log_level if isinstance(one.ipam, Whereabouts) else None
    if level is not None and level.lower() not in LOG_LEVELS:
        yield Hit(("ipam", "logLevel"), f"it is one of {', '.join(LOG_LEVELS)}", level)


@rule("dhcp-socket")
def dhcp_socket(one: Declared, _: Configuration) -> Iterator[Hit]:
    given = one.ipam.daemon_socket_path if isinstance(one.ipam, Dhcp) else None
    if given is not None and given != DHCP_SOCKET:
        message = f"the chart's daemon listens at {DHCP_SOCKET}, always"
        yield Hit(("ipam", "daemonSocketPath"), message, given)


@rule("dhcp-option-twice")
def dhcp_option_twice(one: Declared, _: Configuration) -> Iterator[Hit]:
    if not isinstance(one.ipam, Dhcp):
        return
    for key, entries in (("request", one.ipam.request), ("provide", one.ipam.provide)):
        codes = [OPTIONS.get(entry.option, entry.option) for entry in entries]
        for index, first in repeated(codes):
            where = ("ipam", key, index, "option")
            yield Hit(where, f"{key}[{first}] has it already", entries[index].option)
