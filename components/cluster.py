"""The cluster: the directories on its nodes that follow from distribution, version and dataDir.

Every path in Helm values and networks comes from here. K3s keeps its CNI configuration and
plugins under its own data directory; a chart that writes elsewhere is never called, without any
error (multus-cni#564, #697).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.addresses import Cidr, CidrField
from components.faults import Fault, FaultsError, needs_quotes
from components.model import Model

VERSION: Final = re.compile(
    r"v([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(-rc[0-9]{1,3})?\+k3s[0-9]{1,3}"
)

# Absolute, of names without a space or quote: the chart's templates pass it on without quotes.
DIRECTORY: Final = r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+/*"

# The first K3s release of each minor version whose CNI plugins live in data/cni, a directory that
# survives K3s upgrades (k3s#10869 and its backports #10928 to #10931, October 2024).
FIRST_WITH_FIXED_DIRECTORY: Final = {28: 15, 29: 10, 30: 6, 31: 2}


def _version(value: Any) -> str:
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value, 'like "v1.34.2+k3s1"'), value)])
    if VERSION.fullmatch(value):
        return value
    if "+rke2" in value:
        raise FaultsError(
            [Fault((), "that is an RKE2 version, and the distribution is k3s", value)]
        )
    core = re.match(r"v?(\d+\.\d+\.\d+)(\+k3s\d+)?$", value)
    hint = (
        f' Did you mean "v{core[1]}{core[2] or "+k3s1"}"?'
        if core
        else ' Write it as "k3s --version" prints it, like "v1.34.2+k3s1".'
    )
    raise FaultsError([Fault((), f"that is not a K3s version.{hint}", value)])


def _data_dir(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(DIRECTORY, value):
        rule = (
            "an absolute path is needed, of letters, digits, dots, - and _ (the chart does not "
            'quote it), like "/mnt/k3s"'
        )
        raise FaultsError([Fault((), rule, value)])
    return value.rstrip("/")


@dataclass(frozen=True)
class Paths:
    """Directories and files on every node; the chart mounts them under /host."""

    conf_dir: str
    bin_dir: str

    @property
    def multus_kubeconfig(self) -> str:
        return f"{self.conf_dir}/multus.d/multus.kubeconfig"

    @property
    def whereabouts_dir(self) -> str:
        """Where Whereabouts keeps its own settings; K3s never looks there and need not.

        Its control loop, in the container, looks below /host/etc/cni/net.d and nowhere else that
        is mounted: with K3s's directory here it would free no address ("config file not found").
        """
        return "/etc/cni/net.d"

    @property
    def whereabouts_conf(self) -> str:
        return f"{self.whereabouts_dir}/whereabouts.d/whereabouts.conf"


class K3s(Model):
    """A K3s cluster."""

    distribution: Literal["k3s"]
    """which distribution it is; write k3s."""
    version: Annotated[
        str,
        BeforeValidator(_version),
        WithJsonSchema({"type": "string", "pattern": f"^{VERSION.pattern}$"}),
    ]
    """The K3s version of the nodes, as "k3s --version" prints it, such as v1.34.2+k3s1."""
    nodes: Literal["single", "multi"]
    """single or multi: whether pods on several nodes share the networks."""
    data_dir: Annotated[
        str,
        BeforeValidator(_data_dir),
        WithJsonSchema({"type": "string", "pattern": f"^{DIRECTORY}$"}),
    ] = Field(default="/var/lib/rancher/k3s")
    """K3s's data directory (its --data-dir), the same on every node."""

    cluster_cidr: tuple[CidrField, ...] = Field(default=(ip_network("10.42.0.0/16"),), min_length=1)
    """The pods' networks (K3s's --cluster-cidr), which no network of the stack may overlap."""
    service_cidr: tuple[CidrField, ...] = Field(default=(ip_network("10.43.0.0/16"),), min_length=1)
    """The services' networks (K3s's --service-cidr), likewise."""

    def faults(self) -> Iterator[Fault]:
        for index, services in enumerate(self.service_cidr):
            for pods in self.cluster_cidr:
                if pods.version == services.version and pods.overlaps(services):
                    yield Fault(
                        ("serviceCidr", index),
                        f"it overlaps clusterCidr {pods}. Write both as K3s was started with",
                        str(services),
                    )

    @property
    def own_networks(self) -> Iterator[tuple[Cidr, tuple[str, str]]]:
        """Each network of the cluster's own, with K3s's flag and our key for it."""
        for cidr in self.cluster_cidr:
            yield cidr, ("cluster-cidr", "clusterCidr")
        for cidr in self.service_cidr:
            yield cidr, ("service-cidr", "serviceCidr")

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

    def warnings(self) -> Iterator[str]:
        if not self.fixed_directory:
            yield (
                f"K3s {self.version} keeps its CNI plugins in a directory that each K3s upgrade "
                "replaces: after the next one no pod starts until this stack was deployed again "
                "with the new version. Upgrade to v1.28.15, v1.29.10, v1.30.6, v1.31.2 or later "
                "and then set multus:cluster.version"
            )


Cluster = K3s
