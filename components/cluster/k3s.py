"""K3s: everything is below its data directory, and its plugins moved once.

K3s keeps its CNI configuration and plugins under its own data directory; a chart that writes
elsewhere is never called, without any error (multus-cni#564, #697).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.cluster.common import (
    DIRECTORY_SCHEMA,
    Cidrs,
    ClusterBase,
    Nodes,
    Paths,
    directory,
    versions,
)

VERSION, _version = versions("K3s", "k3s", others={"rke2": "an RKE2"})

# The first K3s release of each minor version whose CNI plugins live in data/cni, a directory that
# survives K3s upgrades (k3s#10869 and its backports #10928 to #10931, October 2024).
FIRST_WITH_FIXED_DIRECTORY: Final = {28: 15, 29: 10, 30: 6, 31: 2}


class K3s(ClusterBase):
    """A K3s cluster."""

    product: ClassVar[str] = "K3s"

    distribution: Literal["k3s"] = "k3s"
    """which distribution it is: k3s, rke2 or custom."""
    version: Annotated[
        str,
        BeforeValidator(_version),
        WithJsonSchema({"type": "string", "pattern": f"^{VERSION.pattern}$"}),
    ]
    """The K3s version of the nodes, as "k3s --version" prints it, such as v1.34.2+k3s1."""
    nodes: Nodes
    """single or multi: whether pods on several nodes share the networks."""
    data_dir: Annotated[str, BeforeValidator(directory("/mnt/k3s")), DIRECTORY_SCHEMA] = Field(
        default="/var/lib/rancher/k3s"
    )
    """K3s's data directory (its --data-dir), the same on every node."""
    cluster_cidr: Cidrs = (ip_network("10.42.0.0/16"),)
    """The pods' networks (K3s's --cluster-cidr), which no network of the stack may overlap."""
    service_cidr: Cidrs = (ip_network("10.43.0.0/16"),)
    """The services' networks (K3s's --service-cidr), likewise."""

    @property
    def fixed_directory(self) -> bool:
        """Whether the CNI plugins are where the next K3s upgrade leaves them."""
        match = VERSION.fullmatch(self.version)
        assert match, self.version  # the field's validator let it through
        major, minor, patch = (int(part) for part in match.groups()[:3])
        return (major, minor) > (1, 31) or patch >= FIRST_WITH_FIXED_DIRECTORY.get(minor, 10**9)

    @property
    def paths(self) -> Paths:
        return Paths(
            conf_dir=f"{self.data_dir}/agent/etc/cni/net.d",
            bin_dir=f"{self.data_dir}/data/{'cni' if self.fixed_directory else 'current/bin'}",
        )

    @property
    def containerd_socket_path(self) -> str:
        return "/run/k3s/containerd/containerd.sock"

    def warnings(self) -> Iterator[str]:
        if not self.fixed_directory:
            yield (
                f"K3s {self.version} keeps its CNI plugins in a directory that each K3s upgrade "
                "replaces: after the next one no pod starts until this stack was deployed again "
                "with the new version. Upgrade to v1.28.15, v1.29.10, v1.30.6, v1.31.2 or later "
                "and then set multus:cluster.version"
            )
