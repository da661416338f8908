"""host-device: a device of the node, moved into the pod while it runs.

Fields and rules from containernetworking/plugins 1.9.1, `plugins/main/host-device`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from ..fields import Device, MacAddress, ResourceName, matches
from ..findings import Finding, Path
from .base import DEFAULT_VLAN, TypedNetwork, Wire

WAYS: Final = ("device", "hwaddr", "kernelpath", "pciBusID", "resourceName")
NO_MAC: Final = 'the plugin reads none. Use capabilities: [mac] and the pod\'s annotation ("mac")'
BY_RESOURCE: Final = "the device plugin gives each pod one, by resourceName"


class HostDevice(TypedNetwork):
    """A device of the node, moved into the pod while it runs. One pod at a time has it."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "radio",
        "type": "host-device",
        "device": "eth3",
        "ipam": {"type": "static", "addresses": [{"address": "192.168.60.5/24"}]},
    }
    hints: ClassVar[Mapping[str, str]] = {
        "mac": NO_MAC,
        "master": "the plugin calls it device",
        "deviceID": BY_RESOURCE,
        "mtu": "host-device sets none. Use tuning.mtu",
    }
    ours = frozenset({"resource_name"})

    type: Literal["host-device"] = "host-device"
    device: Device | None = None
    """The device by its name or altname on the node, such as eth1; or give one of the others."""
    hwaddr: MacAddress | None = None
    """The device by its MAC address, in quotes."""
    kernelpath: (
        Annotated[
            str,
            matches(
                r"/sys/devices(/(?!\.{1,2}(/|$))[A-Za-z0-9._:@,+-]+)+",
                "the plugin takes a path below /sys/devices, like "
                "/sys/devices/pci0000:00/0000:00:1f.6",
            ),
        ]
        | None
    ) = None
    """The device by its path below /sys/devices, with that in front."""
    pci_bus_id: (
        Annotated[
            str,
            matches(
                r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]",
                "a PCI address is like 0000:00:1f.6",
            ),
        ]
        | None
    ) = Field(default=None, alias="pciBusID")
    """The device by its PCI address, in quotes."""
    resource_name: ResourceName | None = None
    """The devices of a device plugin: each pod that asks for the resource gets one."""

    def incomplete(self) -> Iterator[Finding]:
        yield from super().incomplete()
        if not self.named:
            ways = ", ".join(WAYS)
            yield Finding((), f"needs one of {ways}, to say which device it is")

    @property
    def named(self) -> dict[str, str]:
        """The ways that are given; the plugin takes the first (`getLink` in host-device.go)."""
        given = (self.device, self.hwaddr, self.kernelpath, self.pci_bus_id, self.resource_name)
        return {key: way for key, way in zip(WAYS, given, strict=True) if way is not None}

    @property
    def segment(self) -> str:
        return next(iter(self.named.values()))

    @property
    def wires(self) -> tuple[Wire, ...]:
        return ((self._compared, DEFAULT_VLAN),)

    @property
    def takes(self) -> Mapping[str, Path]:
        key = next(iter(self.named))
        return {} if key == "resourceName" else {self._compared: (key,)}

    @property
    def _compared(self) -> str:
        """The device as others may write it too: hex digits count in any letters, names do not."""
        key, way = next(iter(self.named.items()))
        return way.lower() if key in ("hwaddr", "pciBusID") else way

    @property
    def one_per_node(self) -> str | None:
        if self.resource_name is not None:
            return None
        return f"the pod takes {self.segment} away. For more, use macvlan on it"
