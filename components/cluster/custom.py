"""Any other cluster: nothing is known of it, so all of it is said.

The only place where a user writes paths. Nothing has a default, since a wrong directory shows
itself nowhere: Multus is ready and never called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from components.cluster.common import (
    DIRECTORY_SCHEMA,
    Cidrs,
    ClusterBase,
    Nodes,
    Paths,
    directory,
)
from components.faults import Fault
from components.forms import NodePath

INSTEAD = "a custom cluster is described by its paths. Set confDir and binDir"


class Custom(ClusterBase):
    """A cluster of another distribution, by its paths."""

    product: ClassVar[str] = "the cluster"
    withheld: ClassVar[Mapping[str, str]] = {"version": INSTEAD, "dataDir": INSTEAD}

    distribution: Literal["custom"] = "custom"
    """which distribution it is: k3s, rke2 or custom."""
    nodes: Nodes
    """single or multi: whether pods on several nodes share the networks."""
    conf_dir: Annotated[str, BeforeValidator(directory("/etc/cni/net.d")), DIRECTORY_SCHEMA]
    """Where the nodes' container runtime reads CNI configuration: containerd's conf_dir."""
    bin_dir: Annotated[str, BeforeValidator(directory("/opt/cni/bin")), DIRECTORY_SCHEMA]
    """Where it looks for CNI plugins: containerd's bin_dir."""
    cluster_cidr: Cidrs
    """The pods' networks (--cluster-cidr), which no network of the stack may overlap."""
    service_cidr: Cidrs
    """The services' networks (--service-cluster-ip-range), likewise."""
    containerd_socket: NodePath | None = None
    """containerd's socket on every node. Only the dynamic networks controller needs it."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.conf_dir == self.bin_dir:
            yield Fault(("binDir",), "confDir is the same, and one of them is wrong", self.bin_dir)

    @property
    def paths(self) -> Paths:
        return Paths(conf_dir=self.conf_dir, bin_dir=self.bin_dir)

    @property
    def containerd_socket_path(self) -> str | None:
        return self.containerd_socket

    def _correction(self, flag: str, key: str) -> str:  # noqa: ARG002 (other kinds name the flag)
        return f"if the cluster's own is another, set multus:cluster.{key}"
