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
    keys = "multus:ipam" if len(config.ipams) == 1 else "multus:ipam and additionalIpam"
    return f"the stack deploys {' and '.join(config.ipams)} ({keys})"


@rule("ipam-not-deployed")
def ipam_not_deployed(one: Declared, config: Configuration) -> Iterator[Hit]:
    plugin = one.ipam
    if isinstance(plugin, Whereabouts | Dhcp) and config.ipams and plugin.type not in config.ipams:
        message = f"{_deployed(config)}, and it needs a daemon on each node"
        remedy = f"List {plugin.type} in multus:additionalIpam"
        yield Hit(("ipam", "type"), message, plugin.type, remedy)


@rule("ipam-not-selected")
def ipam_not_selected(one: Declared, config: Configuration) -> Iterator[Hit]:
    if isinstance(one.ipam, HostLocal) and config.ipams and one.ipam.type not in config.ipams:
        yield Hit(("ipam", "type"), _deployed(config), one.ipam.type)


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
    paths, own = config.cluster.paths, one.ipam.kubernetes
    for where, given, there in (
        (("configurationPath",), one.ipam.configuration_path, paths.whereabouts_conf),
        (("kubernetes", "kubeconfig"), own and own.kubeconfig, paths.whereabouts_kubeconfig),
    ):
        if given and given != there:
            yield Hit(("ipam", *where), f"the nodes have it at {there}", given)


@rule("node-slices", Whereabouts)
def node_slices(ipam: Whereabouts) -> Iterator[Hit]:
    if ipam.node_slice_size:
        message = "node slices need the node slice controller, which the chart cannot install"
        yield Hit(("nodeSliceSize",), message, ipam.node_slice_size)


@rule("lease-times", Whereabouts)
def lease_times(ipam: Whereabouts) -> Iterator[Hit]:
    lease, deadline = ipam.leader_lease_duration, ipam.leader_renew_deadline
    if lease <= deadline:
        message = f"it must be more than leaderRenewDeadline ({deadline})"
        yield Hit(("leaderLeaseDuration",), message, lease)
    if deadline <= ipam.leader_retry_period * 1.2:
        message = f"it must be more than 1.2 times leaderRetryPeriod ({ipam.leader_retry_period})"
        yield Hit(("leaderRenewDeadline",), message, deadline)


@rule("pool-name", Whereabouts)
def pool_name(ipam: Whereabouts) -> Iterator[Hit]:
    for path, entry in ipam.entries if ipam.network_name is None else ():
        if str(entry.cidr).startswith(":"):
            message = (
                "the plugin names its pool after it, with - for each colon, and Kubernetes takes "
                "no name that begins so"
            )
            yield Hit((*path, "range"), message, str(entry.range))


@rule("unknown-log-level", Whereabouts)
def unknown_log_level(ipam: Whereabouts) -> Iterator[Hit]:
    if ipam.log_level is not None and ipam.log_level.lower() not in LOG_LEVELS:
        yield Hit(("logLevel",), f"it is one of {', '.join(LOG_LEVELS)}", ipam.log_level)


@rule("dhcp-socket", Dhcp)
def dhcp_socket(ipam: Dhcp) -> Iterator[Hit]:
    if ipam.daemon_socket_path not in (None, DHCP_SOCKET):
        message = f"the chart's daemon listens at {DHCP_SOCKET}, always"
        yield Hit(("daemonSocketPath",), message, ipam.daemon_socket_path)


@rule("dhcp-option-twice", Dhcp)
def dhcp_option_twice(ipam: Dhcp) -> Iterator[Hit]:
    for key, entries in (("request", ipam.request), ("provide", ipam.provide)):
        names = [one.option or "" for one in entries]
        for index, first in repeated(OPTIONS.get(name, name) for name in names):
            if names[index]:
                message = f"{key}[{first}] has it already"
                yield Hit((key, index, "option"), message, names[index])
