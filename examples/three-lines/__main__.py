"""Multus and its IPAM plugin on the cluster that kubectl talks to."""

from multus_k3s import Chart, K3s, MultusArgs, MultusComponent

k3s = K3s(version="v1.34.2+k3s1", nodes="multi")
args = MultusArgs(cluster=k3s, ipam="whereabouts", chart=Chart(version="v4.3.017"))
MultusComponent("multus", args)
