"""Kinds that take a device away from the node: host-device, sriov and bond.

Fields and rules from containernetworking/plugins 1.9.1 (`plugins/main/host-device`), and of
k8snetworkplumbingwg's sriov-cni (`pkg/config/config.go`) and bond-cni (`bond/bond.go`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.faults import Fault, FaultsError, repeated
from components.forms import Form, NodePath
from components.model import Model
from components.networks.chained import ONE_FOR_ALL
from components.networks.common import Mtu, TypedNetwork
from components.networks.mac import MacAddress
from components.networks.metadata import RESOURCE_NAME
from components.networks.names import NO_WIRES, InterfaceName, Master
from components.values.resources import NAME

PCI: Final = r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]"
SYSFS: Final = r"/sys/devices(/(?!\.{1,2}(/|$))[A-Za-z0-9._:@,+-]+)+"
RESOURCE: Final = rf"{NAME}/[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?"

ResourceName = Annotated[
    str,
    Form(
        RESOURCE,
        "a resource of a device plugin has the name of its domain, like intel.com/sriov_netdevice",
    ),
]
KernelPath = Annotated[
    str,
    Form(
        SYSFS,
        "the plugin takes a path below /sys/devices, like /sys/devices/pci0000:00/0000:00:1f.6",
    ),
]
NO_MAC: Final = f'{ONE_FOR_ALL}. Use capabilities: [mac] and the pod\'s annotation ("mac")'
BY_RESOURCE: Final = "the device plugin gives each pod one, by resourceName"
WAYS: Final = ("device", "hwaddr", "kernelpath", "pciBusID", "resourceName")


class HostDevice(TypedNetwork):
    """A device of the node, moved into the pod while it runs. One pod at a time has it."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x"}
    withheld: ClassVar[Mapping[str, str]] = {
        "mac": NO_MAC,
        "master": "the plugin calls it device",
        "deviceID": BY_RESOURCE,
    }
    sets_mtu = False

    type: Literal["host-device"] = "host-device"
    """host-device."""
    device: Master | None = None
    """The device by its name on the node, such as eth1; or give one of the others."""
    hwaddr: MacAddress | None = None
    """The device by its MAC address, in quotes."""
    kernelpath: KernelPath | None = None
    """The device by its path below /sys/devices, with that in front."""
    pci_bus_id: Annotated[str, Form(PCI, "a PCI address is like 0000:00:1f.6")] | None = Field(
        default=None, alias="pciBusID"
    )
    """The device by its PCI address, in quotes."""
    resource_name: ResourceName | None = None
    """The devices of a device plugin: each pod that asks for the resource gets one."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        given = {key: way for key, way in zip(WAYS, self._ways, strict=True) if way is not None}
        if not given:
            yield Fault(
                (), f"needs one of {', '.join(WAYS)}, to say which device it is", absence=True
            )
        for key, way in list(given.items())[1:]:
            rule = f"{next(iter(given))} says already which device it is. Leave one out"
            yield Fault((key,), rule, way)

    @property
    def _ways(self) -> tuple[str | None, ...]:
        return (self.device, self.hwaddr, self.kernelpath, self.pci_bus_id, self.resource_name)

    @property
    def segment(self) -> str:
        return next(way for way in self._ways if way is not None)

    @property
    def one_per_node(self) -> str | None:
        if self.resource_name is not None:
            return None
        return f"the pod takes {self.segment} away. For more, use macvlan on it"

    @property
    def own_annotations(self) -> Mapping[str, str]:
        return {RESOURCE_NAME: self.resource_name} if self.resource_name else {}


class Sriov(TypedNetwork):
    """A virtual function of a network card, which a device plugin gives to each pod."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x", "resource_name": "x.y/z"}
    withheld: ClassVar[Mapping[str, str]] = {
        "mac": NO_MAC,
        "master": BY_RESOURCE,
        "device": BY_RESOURCE,
        "deviceID": BY_RESOURCE,
        "pciBusID": BY_RESOURCE,
    }
    mac_by = "plugin"
    sets_mtu = False

    type: Literal["sriov"] = "sriov"
    """sriov."""
    resource_name: ResourceName
    """The device plugin's resource, such as intel.com/sriov_netdevice; pods ask for it too."""
    vlan: int | None = Field(default=None, ge=1, le=4094)
    """VLAN id of the virtual function, untagged in the pod."""
    vlan_qos: int | None = Field(default=None, ge=0, le=7, alias="vlanQoS")
    """Priority of what the pod sends on the VLAN, 0 to 7."""
    vlan_proto: Literal["802.1q", "802.1ad"] | None = None
    """Kind of the VLAN's tag; 802.1q where it is left out."""
    spoofchk: bool | None = None
    """Drop what a pod sends from another MAC address; the card's own default is left as it is."""
    trust: bool | None = None
    """Let the pod change its MAC address and be promiscuous."""
    link_state: Literal["auto", "enable", "disable"] | None = None
    """State of the link as the pod sees it: auto follows the card's."""
    min_tx_rate: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """What the pod may always send, in Mbit/s; few cards know it."""
    max_tx_rate: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The most that the pod may send, in Mbit/s; 0 is no limit."""
    log_level: Literal["panic", "error", "warning", "info", "debug"] | None = None
    """How much the plugin logs."""
    log_file: NodePath | None = None
    """A log file on the node."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        for key, value in (("vlanQoS", self.vlan_qos), ("vlanProto", self.vlan_proto)):
            if value is not None and self.vlan is None:
                yield Fault((key,), "the plugin takes it beside vlan only", value, absence=True)
        if self.max_tx_rate and (self.min_tx_rate or 0) > self.max_tx_rate:
            yield Fault(
                ("minTxRate",), f"maxTxRate is {self.max_tx_rate}, which is less", self.min_tx_rate
            )

    @property
    def segment(self) -> str:
        return self.resource_name

    @property
    def own_annotations(self) -> Mapping[str, str]:
        return {RESOURCE_NAME: self.resource_name}


class BondLink(Model):
    """One of the interfaces that a bond is made of."""

    name: InterfaceName
    """Name of the interface, in the pod or on the node."""


MODES = Literal[
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
]
HASHED: Final = ("balance-xor", "802.3ad", "balance-tlb")
DYNAMIC: Final = ("balance-tlb", "balance-alb")


def _miimon(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9]+", value):
        raise FaultsError(
            [Fault((), f"milliseconds are a number here. Write {value} without quotes", value)]
        )
    return value


class Bond(TypedNetwork):
    """Several interfaces as one, made in the pod."""

    stand_ins: ClassVar[Mapping[str, Any]] = {
        "name": "x",
        "mode": "active-backup",
        "links": ({"name": "net1"}, {"name": "net2"}),
    }
    withheld: ClassVar[Mapping[str, str]] = {
        "mac": NO_MAC,
        "master": "a bond has links",
    }

    type: Literal["bond"] = "bond"
    """bond."""
    mtu: Mtu | None = None
    """MTU of the bond, no more than that of any link; 1500 where it is left out."""
    mode: MODES
    """How the links share the work; active-backup asks nothing of the switches."""
    links: tuple[BondLink, ...] = Field(min_length=2)
    """The interfaces, two or more, each with its name."""
    links_in_container: bool = True
    """Take the links from the pod, where its other networks made them; false: from the node."""
    miimon: Annotated[
        int, BeforeValidator(_miimon), WithJsonSchema({"type": "integer", "minimum": 1})
    ] = Field(default=100, ge=1, le=2**31 - 1)
    """Milliseconds between looks at the links."""
    fail_over_mac: int = Field(default=0, ge=0, le=2)
    """Whose MAC address the bond has: 0 one for all links, 1 the active one's, 2 as it follows."""
    all_slaves_active: bool = False
    """Take what arrives on links that are not active, too."""
    tlb_dynamic_lb: bool | None = None
    """Move flows between links by load; for balance-tlb and balance-alb."""
    xmit_hash_policy: Literal["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"] | None = (
        None
    )
    """What decides which link a packet takes; for balance-xor, 802.3ad and balance-tlb."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        names = [link.name for link in self.links]
        for index, first in repeated(names):
            yield Fault(("links", index, "name"), f"links[{first}] has it already", names[index])
        for index, name in enumerate(names):
            others = ("eth0", "lo") if self.links_in_container else NO_WIRES
            if name in others:
                rule = "the cluster needs it. Name an interface that another network makes"
                if not self.links_in_container:
                    rule = f"that is {NO_WIRES[name]}. Name the interface of a wire"
                yield Fault(("links", index, "name"), rule, name)
        if self.fail_over_mac and self.mode != "active-backup":
            yield Fault(
                ("failOverMac",),
                f"it is for mode active-backup, and the mode is {self.mode}. Leave it out",
                self.fail_over_mac,
            )
        for key, value, modes in (
            ("tlbDynamicLb", self.tlb_dynamic_lb, DYNAMIC),
            ("xmitHashPolicy", self.xmit_hash_policy, HASHED),
        ):
            if value is not None and self.mode not in modes:
                yield Fault(
                    (key,), f"it is for {', '.join(modes)}, and the mode is {self.mode}", value
                )

    @property
    def node_links(self) -> tuple[str, ...]:
        """Interfaces of the node that a pod takes away."""
        return () if self.links_in_container else tuple(link.name for link in self.links)

    @property
    def segment(self) -> str:
        return " and ".join(link.name for link in self.links)

    @property
    def one_per_node(self) -> str | None:
        if self.links_in_container:
            return None
        return f"the pod takes {self.segment} away. For more, make the bond on the node"
