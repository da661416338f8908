"""Rules about plugins and their keys: what a plugin does not read, and what no node has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..fields import LONGEST_INTERFACE
from ..findings import did_you_mean, repeated
from ..ipam import IPAMS, Dhcp, Whereabouts
from ..networks import Raw
from ..networks.base import TypedNetwork
from ..networks.bond import Bond
from ..networks.bridge import Bridge
from ..networks.known import INSTALLED, NEVER_FIRST
from ..networks.reading import entries
from .configuration import Configuration, Declared
from .registry import Hit, rule

HASHED: Final = ("balance-xor", "802.3ad", "balance-tlb")
DYNAMIC: Final = ("balance-tlb", "balance-alb")


@rule("invalid-plugin-value")
def invalid_plugin_value(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.network, Raw):
        for fault in one.network.reading.invalid:
            yield Hit(fault.path, fault.message, fault.value)


@rule("unknown-key")
def unknown_key(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.network, Raw):
        for path, key, known, hint in one.network.reading.unread:
            near = did_you_mean(key, known)
            remedy = near if near.startswith("Did") else hint[:1].upper() + hint[1:] or "Remove it"
            yield Hit(path, "is read by no plugin here", remedy=remedy)


@rule("not-checked")
def not_checked(one: Declared, _: Configuration) -> Iterator[Hit]:
    if isinstance(one.network, Raw) and (unknown := one.network.reading.unknown):
        yield Hit(("config",), f"is passed on, and nobody has looked at {', '.join(unknown)}")


@rule("old-cni-version")
def old_cni_version(one: Declared, _: Configuration) -> Iterator[Hit]:
    version = one.network.config.get("cniVersion") if isinstance(one.network, Raw) else None
    if version in ("0.1.0", "0.2.0"):
        message = "plugins then leave out priority, table and scope of routes"
        yield Hit(("config", "cniVersion"), message, version)


@rule("plugin-not-installed")
def plugin_not_installed(one: Declared, config: Configuration) -> Iterator[Hit]:
    if "extra_plugins" in config.faulty:
        return
    for path, name in one.network.calls:
        if name not in INSTALLED and name not in config.get("extra_plugins", ()):
            remedy = (
                "Put it into each node's directory of CNI plugins, if it is not there, and name "
                f"it in multus:extraPlugins: [{name}]"
            )
            yield Hit(path, "the chart has no such plugin", name, remedy)


@rule("chained-plugin-first")
def chained_plugin_first(one: Declared, _: Configuration) -> Iterator[Hit]:
    path, name = next(one.network.calls)
    if name in NEVER_FIRST:
        yield Hit(path, "it works on the interface of a plugin before it", name)


@rule("ipam-plugin-as-network")
def ipam_plugin_as_network(one: Declared, _: Configuration) -> Iterator[Hit]:
    for path, name in one.network.calls:
        if name in IPAMS and path[-2:] != ("ipam", "type"):
            yield Hit(path, "that is an IPAM plugin, and makes no interface", name)


@rule("not-an-ipam-plugin")
def not_an_ipam_plugin(one: Declared, _: Configuration) -> Iterator[Hit]:
    for path, name in one.network.calls:
        if path[-2:] == ("ipam", "type") and name in INSTALLED - IPAMS.keys():
            yield Hit(path, f"it gives no addresses. Those that do: {', '.join(IPAMS)}", name)


@rule("plugin-of-the-cluster")
def plugin_of_the_cluster(one: Declared, _: Configuration) -> Iterator[Hit]:
    for path, name in one.network.calls:
        if name in ("multus", "loopback"):
            message = "that makes the pod's first interface or its lo, which the cluster does"
            yield Hit(path, message, name)


@rule("ipam-missing", TypedNetwork)
def ipam_missing(network: TypedNetwork) -> Iterator[Hit]:
    if network.needs_ipam and network.ipam is None:
        yield Hit(("ipam",), f"is missing: {network.type} calls it in any case, and fails")


@rule("interface-disabled-with-ipam", Bridge)
def interface_disabled_with_ipam(network: Bridge) -> Iterator[Hit]:
    if network.disable_container_interface and network.ipam is not None:
        message = "the plugin refuses it beside an ipam, and no pod starts"
        yield Hit(("disableContainerInterface",), message, value=True)


@rule("hairpin-and-promiscuous", Bridge)
def hairpin_and_promiscuous(network: Bridge) -> Iterator[Hit]:
    if network.hairpin_mode and network.promisc_mode:
        yield Hit(("hairpinMode",), "the plugin refuses it beside promiscMode", value=True)


@rule("vlan-name-too-long", Bridge)
def vlan_name_too_long(network: Bridge) -> Iterator[Hit]:
    name = f"{network.bridge}.{network.vlan}"
    if network.own_addresses and network.vlan and len(name) > LONGEST_INTERFACE:
        message = f"its gateway is on an interface {name}, and the kernel takes 15 characters"
        yield Hit(("bridge",), message, network.bridge)


@rule("option-without-effect", Bridge, Bond)
def option_without_effect(network: Bridge | Bond) -> Iterator[Hit]:
    if isinstance(network, Bond):
        for key, value, modes in (
            ("failOverMac", network.fail_over_mac or None, ("active-backup",)),
            ("tlbDynamicLb", network.tlb_dynamic_lb, DYNAMIC),
            ("xmitHashPolicy", network.xmit_hash_policy, HASHED),
        ):
            if value is not None and network.mode not in modes:
                message = f"it is for {', '.join(modes)}, and the mode is {network.mode}"
                yield Hit((key,), message, value)
        return
    addresses, vlan = network.ipam is not None, bool(network.vlan or network.vlan_trunk)
    for key, given, works, without in (
        ("ipMasqBackend", network.ip_masq_backend, network.ip_masq, "ipMasq: true"),
        ("preserveDefaultVlan", network.preserve_default_vlan, vlan, "vlan or vlanTrunk"),
        ("isGateway", network.is_gateway, addresses, "addresses"),
        ("ipMasq", network.ip_masq, addresses, "addresses"),
    ):
        if given and not works:
            yield Hit((key,), f"does nothing without {without}")
    for index, trunk in enumerate(network.vlan_trunk):
        if not trunk.for_plugin():
            yield Hit(("vlanTrunk", index), "does nothing without id, or minID and maxID")


@rule("capability-without-effect")
def capability_without_effect(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if network is None:
        return
    for index, wish in enumerate(network.capabilities):
        if reason := _unserved(network, wish):
            yield Hit(("capabilities", index), reason, wish)
    for index, first in repeated(network.capabilities):
        wish = network.capabilities[index]
        yield Hit(("capabilities", index), f"capabilities[{first}] is that already", wish)
    if isinstance(one.network, Raw) and network.mac_by == "tuning":
        plugin = entries(one.network.config)[0][1]
        if (plugin.get("capabilities") or {}).get("mac"):
            message = f"{network.type} sets none, so a pod's wish is lost"
            remedy = "Give it to a plugin of type tuning behind it"
            yield Hit(("capabilities",), message, "mac", remedy)


def _unserved(network: TypedNetwork, wish: str) -> str | None:
    if wish == "mac":
        return "pods share the master's MAC address" if network.mac_by is None else None
    if network.ipam is None:
        return "a network without ipam gives no addresses"
    if isinstance(network.ipam, Whereabouts):
        return "Whereabouts chooses addresses itself, and gives a wish beside its own"
    return "the DHCP server chooses addresses" if isinstance(network.ipam, Dhcp) else None
