"""Rules about IPAM plugins: whether the stack deploys them, and whether they can work there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cluster import WHEREABOUTS_CONF, WHEREABOUTS_KUBECONFIG
from ..findings import repeated
from ..ipam import Dhcp, HostLocal, Whereabouts
from ..ipam.dhcp import OPTIONS
from .configuration import Configuration, Declared
from .registry import Hit, at, check, where

LOG_LEVELS: Final = ("debug", "verbose", "error", "panic")
DHCP_SOCKET: Final = "/run/cni/dhcp.sock"
HOSTNAME: Final = "kubernetes.io/hostname"  # which each node has for itself


@check()
def deployed(one: Declared, config: Configuration) -> Iterator[Hit]:
    plugin, cluster = one.ipam, config.cluster
    ours = isinstance(plugin, Whereabouts | Dhcp | HostLocal)
    if plugin is not None and ours and config.ipams and plugin.type not in config.ipams:
        local = isinstance(plugin, HostLocal)
        yield at(
            "ipam-not-selected" if local else "ipam-not-deployed",
            *("ipam", "type"),
            ipams=" and ".join(config.ipams),
            keys="multus:ipam" if len(config.ipams) == 1 else "multus:ipam and additionalIpam",
            remedy=None if local else f"List {plugin.type} in multus:additionalIpam",
        )
    one_node = HOSTNAME in one.network.nodes
    if isinstance(plugin, HostLocal) and config.nodes == "multi" and not one_node:
        yield at("host-local-on-several-nodes", "ipam", "type")
    if isinstance(plugin, Whereabouts) and cluster is not None:
        own = plugin.kubernetes
        for keys, given, there in (
            (("configurationPath",), plugin.configuration_path, WHEREABOUTS_CONF),
            (("kubernetes", "kubeconfig"), own and own.kubeconfig, WHEREABOUTS_KUBECONFIG),
        ):
            if given and given != there:
                yield at("whereabouts-settings-elsewhere", "ipam", *keys, there=there)


@check(Whereabouts)
def whereabouts(it: Whereabouts) -> Iterator[Hit]:
    level, deadline, period = it.log_level, it.leader_renew_deadline, it.leader_retry_period
    yield from where(
        ("node-slices", "nodeSliceSize", it.node_slice_size),
        ("unknown-log-level", "logLevel", level and level.lower() not in LOG_LEVELS),
    )
    if it.leader_lease_duration <= deadline:
        least = f"leaderRenewDeadline ({deadline})"
        yield at("lease-times", "leaderLeaseDuration", least=least)
    if deadline <= period * 1.2:
        least = f"1.2 times leaderRetryPeriod ({period})"
        yield at("lease-times", "leaderRenewDeadline", least=least)
    for path, entry in it.entries if it.network_name is None else ():
        if str(entry.cidr).startswith(":"):
            yield at("pool-name", *path, "range")


@check(Dhcp)
def dhcp(it: Dhcp) -> Iterator[Hit]:
    if it.daemon_socket_path not in (None, DHCP_SOCKET):
        yield at("dhcp-socket", "daemonSocketPath")
    for index, option in enumerate(it.provide):
        if not (option.value or option.from_arg):
            yield at("option-without-effect", "provide", index, needed="value or fromArg")
    for key, entries in (("request", it.request), ("provide", it.provide)):
        names = [one.option or "" for one in entries]
        for index, first in repeated(OPTIONS.get(name, name) for name in names):
            if names[index]:
                yield at("dhcp-option-twice", key, index, "option", first=f"{key}[{first}]")
