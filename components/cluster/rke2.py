"""RKE2: containerd's standard directories, whatever its data directory is.

RKE2's agent is K3s's without flannel, and then K3s tells containerd nothing of CNI directories
(`NoFlannel` in its containerd template), so that containerd's own defaults hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, WithJsonSchema

from components.cluster.common import (
    STANDARD_BIN,
    STANDARD_CONF,
    Cidrs,
    ClusterBase,
    Nodes,
    Paths,
    versions,
)

VERSION, _version = versions("RKE2", "rke2r", others={"k3s": "a K3s"})


class Rke2(ClusterBase):
    """An RKE2 cluster whose `cni` list does not name multus: RKE2 installs that one itself."""

    product: ClassVar[str] = "RKE2"
    withheld: ClassVar[Mapping[str, str]] = {
        "dataDir": "RKE2's CNI directories do not depend on it. Remove it",
    }

    distribution: Literal["rke2"] = "rke2"
    """which distribution it is: k3s, rke2 or custom."""
    version: Annotated[
        str,
        BeforeValidator(_version),
        WithJsonSchema({"type": "string", "pattern": f"^{VERSION.pattern}$"}),
    ]
    """The RKE2 version of the nodes, as "rke2 --version" prints it, such as v1.34.2+rke2r1."""
    nodes: Nodes
    """single or multi: whether pods on several nodes share the networks."""
    cluster_cidr: Cidrs = (ip_network("10.42.0.0/16"),)
    """The pods' networks (RKE2's --cluster-cidr), which no network of the stack may overlap."""
    service_cidr: Cidrs = (ip_network("10.43.0.0/16"),)
    """The services' networks (RKE2's --service-cidr), likewise."""

    @property
    def paths(self) -> Paths:
        return Paths(conf_dir=STANDARD_CONF, bin_dir=STANDARD_BIN)

    @property
    def containerd_socket_path(self) -> str:
        return "/run/k3s/containerd/containerd.sock"
