"""Multus and its IPAM plugin on the cluster that kubectl talks to."""

from multus_k3s import K3s, MultusArgs, MultusComponent

args = MultusArgs(cluster=K3s(version="v1.34.2+k3s1", nodes="multi"), ipam="whereabouts")
MultusComponent("multus", args)
