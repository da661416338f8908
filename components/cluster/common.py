"""What every cluster has: paths on its nodes, networks of its own, one node or several."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, WithJsonSchema

from components.addresses import Cidr, CidrField
from components.faults import Fault, FaultsError, needs_quotes
from components.model import Model

# Absolute, of names without a space or quote: the chart's templates pass it on without quotes.
DIRECTORY: Final = r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+/*"

# What the thick plugin's DaemonSet mounts, whatever the chart's values say.
STANDARD_CONF: Final = "/etc/cni/net.d"
STANDARD_BIN: Final = "/opt/cni/bin"

DIRECTORY_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": f"^{DIRECTORY}$"})

Nodes = Literal["single", "multi"]
Cidrs = Annotated[tuple[CidrField, ...], Field(min_length=1)]


def directory(example: str) -> Callable[[Any], str]:
    """The check of a field that holds a directory on every node."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(DIRECTORY, value):
            rule = (
                "an absolute path is needed, of letters, digits, dots, - and _ (the chart does not "
                f'quote it), like "{example}"'
            )
            raise FaultsError([Fault((), rule, value)])
        return value.rstrip("/")

    return check


def versions(
    product: str, suffix: str, *, others: dict[str, str]
) -> tuple[re.Pattern[str], Callable[[Any], str]]:
    """The form of a distribution's version, and the check of a field that holds one.

    `suffix` is like "k3s"; `others` are suffixes of other distributions, with their names.
    """
    form = re.compile(
        rf"v([0-9]{{1,3}})\.([0-9]{{1,3}})\.([0-9]{{1,3}})(-rc[0-9]{{1,3}})?\+{suffix}[0-9]{{1,3}}"
    )
    first = f"{suffix}1"

    def check(value: Any) -> str:
        if not isinstance(value, str):
            example = f'like "v1.34.2+{first}"'
            raise FaultsError([Fault((), needs_quotes(value, example), value)])
        if form.fullmatch(value):
            return value
        for other, name in others.items():
            if f"+{other}" in value:
                rule = f"that is {name} version, and the distribution is {product.lower()}"
                raise FaultsError([Fault((), rule, value)])
        core = re.match(rf"v?([0-9]+\.[0-9]+\.[0-9]+)(\+{suffix}[0-9]+)?$", value)
        hint = (
            f' Did you mean "v{core[1]}{core[2] or f"+{first}"}"?'
            if core
            else f' Write it as "{product.lower()} --version" prints it, like "v1.34.2+{first}".'
        )
        article = "an" if product[0] in "AEIOR" else "a"
        raise FaultsError([Fault((), f"that is not {article} {product} version.{hint}", value)])

    return form, check


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
        """Where Whereabouts keeps its own settings; the container runtime never looks there.

        Its control loop, in the container, looks below /host/etc/cni/net.d and nowhere else that
        is mounted: with K3s's directory here it would free no address ("config file not found").
        """
        return STANDARD_CONF

    @property
    def whereabouts_conf(self) -> str:
        return f"{self.whereabouts_dir}/whereabouts.d/whereabouts.conf"

    @property
    def standard(self) -> bool:
        """Whether these are the directories that the thick plugin's DaemonSet insists on."""
        return (self.conf_dir, self.bin_dir) == (STANDARD_CONF, STANDARD_BIN)


class ClusterBase(Model, ABC):
    """The fields and properties that all distributions share; each kind defines its own."""

    # How messages call it.
    product: ClassVar[str]

    if TYPE_CHECKING:  # declared by each kind, in the order in which it is written there
        nodes: Nodes
        cluster_cidr: Cidrs
        service_cidr: Cidrs

    @property
    @abstractmethod
    def paths(self) -> Paths:
        """The directories that the chart is told."""

    def faults(self) -> Iterator[Fault]:
        for index, services in enumerate(self.service_cidr):
            for pods in self.cluster_cidr:
                if pods.version == services.version and pods.overlaps(services):
                    yield Fault(
                        ("serviceCidr", index),
                        f"it overlaps clusterCidr {pods}. Write both as the cluster has them",
                        str(services),
                    )

    @property
    @abstractmethod
    def containerd_socket_path(self) -> str | None:
        """Socket of containerd on every node; None where it is not known."""

    @property
    def own_networks(self) -> Iterator[tuple[Cidr, str]]:
        """Each network of the cluster's own, with what to do if it is really another."""
        for cidrs, flag, key in (
            (self.cluster_cidr, "cluster-cidr", "clusterCidr"),
            (self.service_cidr, "service-cidr", "serviceCidr"),
        ):
            for cidr in cidrs:
                yield cidr, self._correction(flag, key)

    def _correction(self, flag: str, key: str) -> str:
        return f"if {self.product} runs with another --{flag}, set multus:cluster.{key}"

    def warnings(self) -> Iterator[str]:
        """What works and will surprise, one sentence each."""
        yield from ()
