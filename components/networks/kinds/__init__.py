"""The kinds of networks, told apart by `type`, and what each renders for its CNI plugin."""

from __future__ import annotations

import json
from typing import Annotated, Any, assert_never

from pydantic import Field

from components import ipam
from components.cluster import Paths
from components.ipam import Whereabouts
from components.networks.common import CNI_VERSION, TypedNetwork
from components.networks.kinds.bridge import Bridge, VlanTrunk
from components.networks.kinds.devices import Bond, BondLink, HostDevice, Sriov
from components.networks.kinds.masters import Ipvlan, Macvlan, Vlan
from components.networks.kinds.raw import Raw
from components.networks.kinds.reading import AnyTyped

AnyNetwork = AnyTyped | Raw
Network = Annotated[AnyNetwork, Field(discriminator="type")]


def render(network: AnyNetwork, paths: Paths) -> str:
    """`spec.config` of the NetworkAttachmentDefinition: CNI JSON, readable in a diff.

    With plugins behind the kind's own it is a list of plugins (CNI's conflist).
    """
    body = network.body() if isinstance(network, Raw) else _body(network, paths)
    return json.dumps(body, indent=2)


def _body(network: AnyTyped, paths: Paths) -> dict[str, Any]:
    plugin: dict[str, Any] = {"type": network.type, **_kind(network)}
    if network.mtu is not None:
        plugin["mtu"] = network.mtu
    if network.plugin_capabilities:
        plugin["capabilities"] = network.plugin_capabilities
    plugin["ipam"] = {} if network.ipam is None else ipam.render(network.ipam, paths)
    head: dict[str, Any] = {"cniVersion": CNI_VERSION, "name": network.cni_name}
    if not network.chain:
        return head | plugin
    if isinstance(network.ipam, Whereabouts):
        head["disableCheck"] = True  # the plugin has no CHECK (cmd/whereabouts.go)
    return head | {"plugins": [plugin, *network.chain]}


def as_typed(network: AnyNetwork) -> AnyTyped | None:
    """The network itself, or what is understood of a raw one."""
    return network.network if isinstance(network, Raw) else network


def _kind(network: AnyTyped) -> dict[str, Any]:
    """The fields of the kind alone, under the plugin's names."""
    shared = {*TypedNetwork.model_fields, "type"}
    given = network.model_dump(mode="json", by_alias=True, exclude=shared, exclude_defaults=True)
    match network:
        case Macvlan() | Ipvlan():
            return {"master": network.master, "mode": network.mode} | given
        case Vlan():
            return {"master": network.master, "vlanId": network.vlan_id} | given
        case Bridge():
            return {"bridge": network.bridge} | given
        case HostDevice():
            given.pop("resourceName", None)
            return given
        case Sriov():
            return _sriov(given)
        case Bond():
            return _bond(network, given)
        case _:
            assert_never(network)


SRIOV_NAMES = {"linkState": "link_state", "minTxRate": "min_tx_rate", "maxTxRate": "max_tx_rate"}


def _sriov(given: dict[str, Any]) -> dict[str, Any]:
    """The plugin reads on and off as texts, and some names in another spelling."""
    given.pop("resourceName")
    for key in ("spoofchk", "trust"):
        if key in given:
            given[key] = "on" if given[key] else "off"
    return {SRIOV_NAMES.get(key, key): value for key, value in given.items()}


def _bond(network: Bond, given: dict[str, Any]) -> dict[str, Any]:
    """The plugin reads milliseconds as a text, and switches as 0 and 1."""
    for key in ("allSlavesActive", "tlbDynamicLb"):
        if key in given:
            given[key] = int(given[key])
    return {
        "mode": network.mode,
        "miimon": str(network.miimon),
        "linksInContainer": network.links_in_container,
        "links": given.pop("links"),
        **{key: value for key, value in given.items() if key not in ("miimon", "linksInContainer")},
    }


__all__ = [
    "AnyNetwork",
    "AnyTyped",
    "Bond",
    "BondLink",
    "Bridge",
    "HostDevice",
    "Ipvlan",
    "Macvlan",
    "Network",
    "Raw",
    "Sriov",
    "Vlan",
    "VlanTrunk",
    "as_typed",
    "render",
]
