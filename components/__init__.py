"""Multus on K3s: the component, its arguments and the kinds of networks and IPAM."""

from __future__ import annotations

from components.access import Access, KubeconfigError, provider
from components.args import MultusArgs
from components.chart import Chart
from components.cluster import Custom, K3s, Rke2
from components.gate import PreflightError, inspect
from components.ipam import Dhcp, HostLocal, Static, Whereabouts
from components.multus import MultusComponent
from components.networks import Bond, Bridge, HostDevice, Ipvlan, Macvlan, Raw, Sriov, Vlan
from components.networks.annotation import PodAnnotation, Selection, pod_annotation
from components.packages import ChartError, fetch
from components.settings import Settings, StackFileError, load

__all__ = [
    "Access",
    "Bond",
    "Bridge",
    "Chart",
    "ChartError",
    "Custom",
    "Dhcp",
    "HostDevice",
    "HostLocal",
    "Ipvlan",
    "K3s",
    "KubeconfigError",
    "Macvlan",
    "MultusArgs",
    "MultusComponent",
    "PodAnnotation",
    "PreflightError",
    "Raw",
    "Rke2",
    "Selection",
    "Settings",
    "Sriov",
    "StackFileError",
    "Static",
    "Vlan",
    "Whereabouts",
    "fetch",
    "inspect",
    "load",
    "pod_annotation",
    "provider",
]
