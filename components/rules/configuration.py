"""What the rules look at: the parts of a deployment that could be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic.alias_generators import to_snake

from ..addresses import Cidr
from ..chart.versions import Chart
from ..cluster import Cluster
from ..findings import Path, dotted
from ..ipam.base import Ipam, Pool
from ..model import Model
from ..networks import Network, Raw, TypedNetwork
from ..networks.base import Wire
from ..networks.chained import Sbr
from ..sources import Source


def value_at(where: Any, path: Path) -> Any:
    """What stands at a path through models and plain data; None where nothing does."""
    for step in path:
        if isinstance(where, Model):
            fields = type(where).model_fields.items()
            name = next((name for name, one in fields if one.validation_alias == step), "")
            where = getattr(where, name, None)
        elif isinstance(where, Mapping):
            lower = str(step).lower()
            where = next((one for key, one in where.items() if key.lower() == lower), None)
        elif isinstance(where, tuple | list) and isinstance(step, int) and step < len(where):
            where = where[step]
        else:
            return None
    return where


@dataclass(frozen=True)
class Declared:
    """A network of the configuration, and where it stands."""

    index: int
    network: Network
    path: Path
    """What its findings' paths begin with: ("networks", 3)."""
    source: Source | None = None
    """Where it stands, if in a file of its own."""

    @property
    def typed(self) -> TypedNetwork | None:
        """The network itself, or what is understood of a raw one."""
        return self.network.typed

    @property
    def ipam(self) -> Ipam | None:
        """Its IPAM, also where a raw network's own plugin is not known."""
        found: Ipam | None = getattr(self.network, "ipam", None)
        return found

    @cached_property
    def parts(self) -> list[tuple[Path, Model]]:
        """The network's models, its IPAM's and their parts, each with its path."""
        if self.typed is not None:
            return [*self.typed.walk()]
        return [*self.ipam.walk(("ipam",))] if self.ipam is not None else []

    def chained(self, name: str) -> Model | None:
        """A plugin behind the first, also where the first is not known."""
        if isinstance(self.network, Raw):
            return self.network.reading.chained.get(name, ((), None))[1]
        found: Model | None = getattr(self.network, name, None)
        return found

    @property
    def own_table(self) -> bool:
        """Whether its routes leave the main table, those to its own subnets too.

        sbr moves them without `table` (`doRoutes` in plugins/meta/sbr/main.go), vrf always
        (`addInterface` in plugins/meta/vrf/vrf.go).
        """
        sbr = self.chained("sbr")
        return (isinstance(sbr, Sbr) and sbr.table is None) or "vrf" in self.network.plugins

    @property
    def pools(self) -> tuple[Pool, ...]:
        """What it hands out, as far as that is known."""
        return self.ipam.pools if self.ipam is not None else ()

    @property
    def wires(self) -> tuple[Wire, ...]:
        """The wires that its pods are on, as far as they are known."""
        return self.typed.wires if self.typed is not None else ()

    @property
    def segment(self) -> str:
        return self.typed.segment if self.typed is not None else self.network.key

    def place(self, path: Path) -> Path:
        """A path in our names below the network, as the user wrote it."""
        return (*self.path, *self.network.place(path))

    def value(self, path: Path) -> Any:
        """What stands at a path in our names; None where nothing does."""
        return value_at(self.network, self.network.place(path))

    def seen_from(self, other: Declared) -> str:
        """Where it stands, in words at another of its name."""
        if self.source:
            return self.source.place
        return dotted(self.path) + (" of the stack file" if other.source else "")

    def __str__(self) -> str:
        """How messages about others name it."""
        return f"network {self.network.key}"


@dataclass(frozen=True)
class Configuration:
    """The parts of a deployment by their names in `MultusArgs`, without those that are faulty."""

    parts: Mapping[str, Any] = field(default_factory=dict)
    networks: tuple[Declared, ...] = ()
    faulty: frozenset[str] = frozenset()
    """Names of the parts that are there and cannot be read."""

    def get(self, name: str, default: Any = None) -> Any:
        """A part; `default` where it is not given or faulty."""
        return self.parts.get(name, default)

    def value(self, path: Path) -> Any:
        """What stands at a path that begins with a key; None where nothing does."""
        return value_at(self.parts.get(to_snake(str(path[0]))), path[1:])

    def without(self, name: str) -> Configuration:
        """The same, where a part turned out to be faulty."""
        parts = {key: part for key, part in self.parts.items() if key != name}
        return replace(self, parts=parts, faulty=self.faulty | {name})

    @property
    def cluster(self) -> Cluster | None:
        found: Cluster | None = self.parts.get("cluster")
        return found

    @property
    def deploys(self) -> str:
        """What the stack deploys: all, or the networks only."""
        return str(self.get("deploy", "all"))

    @property
    def flannel(self) -> bool:
        """Whether the cluster may have K3s's own flannel, and its bridge cni0.

        Of a cluster that cannot be read nothing is known, and nothing is said.
        """
        return "cluster" not in self.faulty and bool(getattr(self.cluster, "flannel", True))

    @property
    def nodes(self) -> str | None:
        """How many nodes there are, also where the cluster itself is not known."""
        return self.cluster.nodes if self.cluster is not None else self.parts.get("nodes")

    @property
    def own_networks(self) -> list[tuple[Cidr, str]]:
        """The cluster's own networks, each with what to do if it is really another."""
        return [*self.cluster.own_networks] if self.cluster is not None else []

    @property
    def chart(self) -> Chart:
        found: Chart = self.parts.get("chart") or Chart()
        return found

    @property
    def ipams(self) -> tuple[str, ...]:
        """The IPAM plugins that the stack deploys; empty where they are not known."""
        if not self.parts.get("ipam") or "additional_ipam" in self.faulty:
            return ()
        return (self.parts["ipam"], *self.parts.get("additional_ipam", ()))

    @property
    def typed(self) -> Iterator[tuple[Declared, TypedNetwork]]:
        """The networks that are understood."""
        for one in self.networks:
            if one.typed is not None:
                yield one, one.typed
