"""A web server with a second interface, on the LAN behind the nodes' eth1."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pulumi
from multus_k3s import (
    Chart,
    K3s,
    Macvlan,
    MultusArgs,
    MultusComponent,
    Selection,
    Whereabouts,
)
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import ContainerArgs, PodSpecArgs, PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

LABELS = {"app": "web"}

addresses = Whereabouts(range=ip_network("192.168.30.0/24"), gateway=ip_address("192.168.30.1"))
lan = Macvlan(name="lan", master="eth1", ipam=addresses)
k3s = K3s(version="v1.34.2+k3s1", nodes="multi")
chart = Chart(version="v4.3.017")  # else a newer library would upgrade the cluster
args = MultusArgs(cluster=k3s, ipam="whereabouts", networks=(lan,), chart=chart)

multus = MultusComponent("multus", args)
joined = multus.pod_annotations(Selection(network=lan, interface="lan0"))

Deployment(
    "web",
    metadata=ObjectMetaArgs(name="web", namespace="default"),
    spec=DeploymentSpecArgs(
        replicas=2,
        selector=LabelSelectorArgs(match_labels=LABELS),
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=LABELS, annotations=joined),
            spec=PodSpecArgs(containers=[ContainerArgs(name="web", image="nginx:1.29-alpine")]),
        ),
    ),
    opts=pulumi.ResourceOptions(provider=multus.provider),
)

pulumi.export("networks", multus.networks)
