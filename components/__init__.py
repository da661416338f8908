"""Multus on K3s: the component, its arguments and the kinds of networks and IPAM."""

from __future__ import annotations

from components.access import Access, KubeconfigError, provider
from components.args import MultusArgs
from components.chart import Chart
from components.cluster import Custom, K3s, Rke2
from components.gate import PreflightError, inspect
from components.ipam import Dhcp, HostLocal, Static, Whereabouts
from components.multus import MultusComponent
from components.networks import Bridge, Ipvlan, Macvlan
from components.packages import ChartError, fetch
from components.settings import Settings, StackFileError, load

__all__ = [
    "Access",
    "Bridge",
    "Chart",
    "ChartError",
    "Custom",
    "Dhcp",
    "HostLocal",
    "Ipvlan",
    "K3s",
    "KubeconfigError",
    "Macvlan",
    "MultusArgs",
    "MultusComponent",
    "PreflightError",
    "Rke2",
    "Settings",
    "StackFileError",
    "Static",
    "Whereabouts",
    "fetch",
    "inspect",
    "load",
    "provider",
]
