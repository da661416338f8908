"""Multus on K3s: the component, its arguments and the kinds of networks and IPAM.

Other Pulumi programs import from here and nowhere below. Importing reads no config, reaches no
network and writes nothing.
"""

from __future__ import annotations

from components.access import Access, KubeconfigError, provider
from components.args import MultusArgs
from components.chart import Chart
from components.cluster import Custom, K3s, Rke2
from components.faults import ArgsError
from components.gate import PreflightError, inspect
from components.ipam import (
    Dhcp,
    DhcpProvide,
    DhcpRequest,
    Dns,
    HostLocal,
    HostLocalRange,
    Route,
    Static,
    StaticAddress,
    Whereabouts,
    WhereaboutsRange,
)
from components.multus import MultusComponent
from components.networks import (
    Bond,
    BondLink,
    Bridge,
    HostDevice,
    Ipvlan,
    Macvlan,
    Raw,
    Sriov,
    Vlan,
    VlanTrunk,
)
from components.networks.annotation import PodAnnotation, Selection, pod_annotation
from components.networks.chained import Bandwidth, Sbr, Tuning
from components.packages import ChartError, fetch
from components.placement import ContainerResources, Resources, Toleration
from components.settings import Settings, StackFileError, load

__all__ = [
    "Access",
    "ArgsError",
    "Bandwidth",
    "Bond",
    "BondLink",
    "Bridge",
    "Chart",
    "ChartError",
    "ContainerResources",
    "Custom",
    "Dhcp",
    "DhcpProvide",
    "DhcpRequest",
    "Dns",
    "HostDevice",
    "HostLocal",
    "HostLocalRange",
    "Ipvlan",
    "K3s",
    "KubeconfigError",
    "Macvlan",
    "MultusArgs",
    "MultusComponent",
    "PodAnnotation",
    "PreflightError",
    "Raw",
    "Resources",
    "Rke2",
    "Route",
    "Sbr",
    "Selection",
    "Settings",
    "Sriov",
    "StackFileError",
    "Static",
    "StaticAddress",
    "Toleration",
    "Tuning",
    "Vlan",
    "VlanTrunk",
    "Whereabouts",
    "WhereaboutsRange",
    "fetch",
    "inspect",
    "load",
    "pod_annotation",
    "provider",
]
