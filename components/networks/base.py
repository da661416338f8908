"""What every network has, and what every typed kind says of itself.

A kind is one class in one file: its fields under the names of the stack file and of its plugin,
the devices and wires that it uses, and its example. Rendering and reading a raw configuration are
the same model under the plugin's names.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from ..fields import Annotations, Labels, Name, Namespace
from ..findings import Finding, Path
from ..ipam import AnyIpam, Whereabouts
from ..model import Model
from .chained import CHAINED, Bandwidth, Sbr, Tuning

# With CNI 1.0.0 every plugin of the chart works, and nothing that is newer is used.
CNI_VERSION: Final = "1.0.0"
RESOURCE_NAME: Final = "k8s.v1.cni.cncf.io/resourceName"
DEFAULT_VLAN: Final = 1

OF_RANGES: Final = (
    *("range", "rangeStart", "rangeEnd", "exclude", "ipRanges", "subnet", "ranges"),
    *("addresses", "routes"),
)
"""Keys of an ipam that stand beside it where somebody forgot it."""

Wire = Hashable
Capability = Literal["ips", "mac"]


class Network(Model):
    """The fields of every network."""

    name: Name
    """Name of the NetworkAttachmentDefinition."""
    namespace: Namespace = "default"
    """Its namespace."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the NetworkAttachmentDefinition."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the NetworkAttachmentDefinition."""
    nodes: Labels = Field(default_factory=dict)
    """Labels of the nodes that it is for, where others lack its device. Its pods select them."""
    allow: tuple[str, ...] = ()
    """Names of the rules that this network may break (docs/rules.md)."""

    def incomplete(self) -> Iterator[Finding]:
        for key in self.own_annotations:
            if key in self.annotations:
                message = "the program sets it, from resourceName. Remove it here"
                yield Finding(("annotations", key), message, self.annotations[key])

    @property
    def own_annotations(self) -> Mapping[str, str]:
        """Annotations that the program sets itself."""
        return {}

    @property
    def key(self) -> str:
        """`namespace/name`: what a pod's annotation says."""
        return f"{self.namespace}/{self.name}"

    def apart_from(self, other: Network) -> bool:
        """Whether no node has both, by their labels."""
        return any(other.nodes.get(key, value) != value for key, value in self.nodes.items())

    @property
    def cni_name(self) -> str:
        """The CNI network's name, under which host-local keeps its state on a node.

        Of its own for each network: no namespace has a dot in its name.
        """
        return f"{self.namespace}.{self.name}"

    @property
    def typed(self) -> TypedNetwork | None:
        """The typed network that says the same, as far as it is understood."""
        return None

    @property
    def calls(self) -> Iterator[tuple[Path, str]]:
        """Every CNI plugin that is called, with the path below the network that names it."""
        yield from ()

    def place(self, path: Path) -> Path:
        """Where stands what a path in our names is about."""
        return path

    @property
    def plugins(self) -> tuple[str, ...]:
        """Every CNI plugin that is called."""
        return tuple(name for _, name in self.calls)

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """The CNI configuration."""

    def render(self) -> str:
        """`spec.config` of the NetworkAttachmentDefinition: CNI JSON, readable in a diff."""
        return json.dumps(self.body(), indent=2)


KINDS: Final[dict[str, type[Network]]] = {}
"""The kinds by their `type`; filled where they are listed (networks/__init__.py)."""


class TypedNetwork(Network):
    """A network of a kind that the program knows."""

    hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        OF_RANGES, "it is a key of ipam. Write it there"
    )

    example: ClassVar[Mapping[str, Any]] = {}
    """A network of this kind as it stands in a stack file, for the documentation."""
    ours: ClassVar[frozenset[str]] = frozenset()
    """Fields of the kind that are no keys of its plugin."""
    passed_on = frozenset(
        (
            *("name", "cniversion", "type", "ipam", "capabilities", "args", "dns"),
            *("runtimeconfig", "prevresult"),
        )
    )

    mac_by: ClassVar[Literal["plugin", "tuning"] | None] = "tuning"
    """Who sets a MAC address that a pod asks for."""
    veth: ClassVar[bool] = False
    """Whether the pod's interface is an end of a cable (veth) to the node."""
    needs_ipam: ClassVar[bool] = False
    """Whether the plugin fails without an IPAM."""

    type: str
    """Which kind it is."""
    ipam: AnyIpam | None = None
    """Where addresses come from; left out for a network on layer 2 only."""
    capabilities: tuple[Capability, ...] = ()
    """What a pod may choose in its annotation: ips, mac."""
    tuning: Tuning | None = None
    """Settings of the pod's interface by the plugin tuning."""
    sbr: Sbr | None = None
    """Source based routing by the plugin sbr; write {}."""
    bandwidth: Bandwidth | None = None
    """Limits by the plugin bandwidth; for kinds with a cable between pod and node."""

    @classmethod
    def plugin_fields(cls) -> set[str]:
        return set(cls.model_fields) - set(TypedNetwork.model_fields) - cls.ours

    @property
    def typed(self) -> TypedNetwork:
        return self

    @property
    def own_annotations(self) -> Mapping[str, str]:
        """Where the kind has a device plugin's resource: what has pods get one."""
        resource: str | None = getattr(self, "resource_name", None)
        return {RESOURCE_NAME: resource} if resource else {}

    @property
    def segment(self) -> str:
        """The device, or what else stands for the wire, in words that the user wrote."""
        return self.type

    @property
    def wires(self) -> tuple[Wire, ...]:
        """The wires that its pods are on: the device with the VLAN. None where only pods know."""
        return ()

    @property
    def uses(self) -> Mapping[str, Path]:
        """Devices of the node that its pods use, each with the key that names it."""
        return {}

    @property
    def takes(self) -> Mapping[str, Path]:
        """Devices that a pod takes away from the node, each with the key that names it."""
        return {}

    @property
    def one_per_node(self) -> str | None:
        """Why a node has room for one pod of the network only, None if it has for more."""
        return None

    @property
    def calls(self) -> Iterator[tuple[Path, str]]:
        yield ("type",), self.type
        if self.ipam is not None:
            yield ("ipam", "type"), self.ipam.type
        for one in self._chain():
            yield (one["type"],), str(one["type"])

    def _chain(self) -> Iterator[dict[str, Any]]:
        """CNI JSON of the plugins behind the kind's own, in their order."""
        mac = "mac" in self.capabilities and self.mac_by == "tuning"
        for name in CHAINED:
            model: Model | None = getattr(self, name)
            if model is None and not (name == "tuning" and mac):
                continue
            body = {"type": name} | (model.for_plugin() if model is not None else {})
            if name == "tuning" and mac:
                body["capabilities"] = {"mac": True}
            yield body

    def body(self) -> dict[str, Any]:
        """A plugin's configuration; with plugins behind it a list of them (CNI's conflist)."""
        plugin = {"type": self.type, **self.for_plugin(include=self.plugin_fields())}
        wishes = [one for one in self.capabilities if one == "ips" or self.mac_by == "plugin"]
        if wishes:
            plugin["capabilities"] = dict.fromkeys(wishes, True)
        plugin["ipam"] = {} if self.ipam is None else self.ipam.render()
        head: dict[str, Any] = {"cniVersion": CNI_VERSION, "name": self.cni_name}
        if not (chain := [*self._chain()]):
            return head | plugin
        if isinstance(self.ipam, Whereabouts):
            head["disableCheck"] = True  # the plugin has no CHECK (cmd/whereabouts.go)
        return head | {"plugins": [plugin, *chain]}
