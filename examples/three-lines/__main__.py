"""Multus and its IPAM plugin on the cluster that kubectl talks to."""

from multus_k3s import Chart, K3s, MultusArgs, MultusComponent

args = MultusArgs(
    cluster=K3s(version="v1.34.2+k3s1", nodes="multi"),
    ipam="whereabouts",
    chart=Chart(version="v4.3.017"),
)
MultusComponent("multus", args)
