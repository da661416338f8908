"""The cluster: its directories on every node, and the networks that are its own.

All paths in Helm values and networks come from here. K3s keeps its CNI configuration and plugins
under its data directory; a chart that writes elsewhere is never called, without any error
(multus-cni#564, #697). Started with `--flannel-backend=none`, as is RKE2 always, it tells
containerd nothing of CNI directories, so that containerd's own hold (`get` in K3s's
pkg/agent/config/config.go, later `Bootstrap` in pkg/executor/embed/embed.go). Of any other
cluster nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Final, Literal

from .addresses import Cidr, Cidrs
from .fields import Checked, NodePath, directory
from .findings import Finding, invalid, needs_quotes
from .model import Model
from .one_of import OneOf

# What the thick plugin's DaemonSet mounts, whatever the chart's values say.
STANDARD_CONF: Final = "/etc/cni/net.d"
STANDARD_BIN: Final = "/opt/cni/bin"
# Where Whereabouts keeps its settings. Its control loop looks nowhere else (ADR 8).
WHEREABOUTS_CONF: Final = f"{STANDARD_CONF}/whereabouts.d/whereabouts.conf"
WHEREABOUTS_KUBECONFIG: Final = f"{STANDARD_CONF}/whereabouts.d/whereabouts.kubeconfig"
CONTAINERD: Final = "/run/k3s/containerd/containerd.sock"  # of K3s and RKE2

# The first K3s release of each minor version whose CNI plugins live in data/cni, a directory that
# survives K3s upgrades (k3s#10869 and its backports #10928 to #10931, October 2024).
FIRST_WITH_FIXED_DIRECTORY: Final = {28: 15, 29: 10, 30: 6, 31: 2}

Nodes = Literal["single", "multi"]


@dataclass(frozen=True)
class Paths:
    """Directories and files on every node; the chart mounts them under /host."""

    conf_dir: str
    bin_dir: str

    @property
    def multus_kubeconfig(self) -> str:
        return f"{self.conf_dir}/multus.d/multus.kubeconfig"

    @property
    def standard(self) -> bool:
        """Whether these are the directories that the thick plugin's DaemonSet insists on."""
        return (self.conf_dir, self.bin_dir) == (STANDARD_CONF, STANDARD_BIN)


def _version(product: str, suffix: str) -> Checked:
    """A distribution's version as `PRODUCT --version` prints it."""
    form = rf"v[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]{{1,3}}(-rc[0-9]{{1,3}})?\+{suffix}[0-9]{{1,3}}"
    example = f'like "v1.34.2+{suffix}1"'

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise invalid(needs_quotes(value, example), value)
        if re.fullmatch(form, value):
            return value
        core = re.fullmatch(rf"v?([0-9]+\.[0-9]+\.[0-9]+)(\+{suffix}[0-9]+)?", value)
        hint = f'Write it as "{product.lower()} --version" prints it, {example}.'
        if core:
            hint = f'Did you mean "v{core[1]}{core[2] or f"+{suffix}1"}"?'
        elif re.fullmatch(r"v[0-9.]+\+(k3s|rke2r)[0-9]+", value):
            hint = "The other distribution has it: k3s has +k3s1, rke2 has +rke2r1."
        raise invalid(f"that is no version of {product}. {hint}", value)

    return Checked(check, {"type": "string", "pattern": f"^{form}$"})


class Cluster(Model):
    """What every cluster has."""

    distribution: str
    """Which distribution it is: k3s, rke2 or custom."""
    nodes: Nodes
    """single or multi: whether pods on several nodes share the networks."""
    cluster_cidr: Cidrs = (ip_network("10.42.0.0/16"),)
    """The pods' networks (--cluster-cidr), which no network of the stack may overlap."""
    service_cidr: Cidrs = (ip_network("10.43.0.0/16"),)
    """The services' networks (--service-cidr), likewise."""
    fail_closed: bool = False
    """Pods wait while Multus is away; needs a file on each node (docs/never-without.md)."""

    @property
    def paths(self) -> Paths:
        return Paths(STANDARD_CONF, STANDARD_BIN)

    @property
    def containerd_socket_path(self) -> str | None:
        """Socket of containerd on every node; None where it is not known."""
        return CONTAINERD

    @property
    def own_networks(self) -> Iterator[tuple[Cidr, str]]:
        """Each network of the cluster's own, with what to do if it is really another."""
        for key, cidrs in (("clusterCidr", self.cluster_cidr), ("serviceCidr", self.service_cidr)):
            for cidr in cidrs:
                yield cidr, f"if the cluster's own is another, set multus:cluster.{key}"


class K3s(Cluster):
    """A K3s cluster."""

    distribution: Literal["k3s"] = "k3s"
    version: Annotated[str, _version("K3s", "k3s")]
    """The K3s version of the nodes, as "k3s --version" prints it, such as v1.34.2+k3s1."""
    data_dir: Annotated[str, directory("/mnt/k3s")] = "/var/lib/rancher/k3s"
    """K3s's data directory (its --data-dir), the same on every node."""
    flannel: bool = True
    """false if K3s runs with --flannel-backend=none, and Cilium, Calico or another CNI with it."""

    @property
    def fixed_directory(self) -> bool:
        """Whether the CNI plugins are where the next K3s upgrade leaves them."""
        if not self.flannel:
            return True
        major, minor, patch = (int(part) for part in re.findall("[0-9]+", self.version)[:3])
        return (major, minor) > (1, 31) or patch >= FIRST_WITH_FIXED_DIRECTORY.get(minor, 10**9)

    @property
    def paths(self) -> Paths:
        if not self.flannel:
            return super().paths
        return Paths(
            conf_dir=f"{self.data_dir}/agent/etc/cni/net.d",
            bin_dir=f"{self.data_dir}/data/{'cni' if self.fixed_directory else 'current/bin'}",
        )


class Rke2(Cluster):
    """An RKE2 cluster. If its `cni` list names multus, RKE2 installs that: deploy networks only."""

    hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("dataDir", "flannel"), "RKE2's CNI directories do not depend on it. Remove it"
    )

    distribution: Literal["rke2"] = "rke2"
    version: Annotated[str, _version("RKE2", "rke2r")]
    """The RKE2 version of the nodes, as "rke2 --version" prints it, such as v1.34.2+rke2r1."""


_BY_PATHS: Final = "a custom cluster is described by its paths. Set confDir and binDir"


class Custom(Cluster):
    """A cluster of another distribution, by its paths: a wrong directory shows itself nowhere."""

    hints: ClassVar[Mapping[str, str]] = {
        "version": _BY_PATHS,
        "dataDir": _BY_PATHS,
        "flannel": "confDir and binDir say where its CNI directories are. Remove it",
    }

    distribution: Literal["custom"] = "custom"
    conf_dir: Annotated[str, directory("/etc/cni/net.d")]
    """Where the nodes' container runtime reads CNI configuration: containerd's conf_dir."""
    bin_dir: Annotated[str, directory("/opt/cni/bin")]
    """Where it looks for CNI plugins: containerd's bin_dir."""
    cluster_cidr: Cidrs
    service_cidr: Cidrs
    """The services' networks (--service-cluster-ip-range), likewise."""
    containerd_socket: NodePath | None = None
    """containerd's socket on every node. Only the dynamic networks controller needs it."""

    def incomplete(self) -> Iterator[Finding]:
        if self.conf_dir == self.bin_dir:
            message = "confDir is the same, and one of them is wrong"
            yield Finding(("binDir",), message, self.bin_dir)

    @property
    def paths(self) -> Paths:
        return Paths(self.conf_dir, self.bin_dir)

    @property
    def containerd_socket_path(self) -> str | None:
        return self.containerd_socket


CLUSTERS: Final[Mapping[str, type[Cluster]]] = {"k3s": K3s, "rke2": Rke2, "custom": Custom}
AnyCluster = Annotated[Cluster, OneOf("distribution", lambda: CLUSTERS)]
