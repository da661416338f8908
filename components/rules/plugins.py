"""Rules about plugins and their keys: what a plugin does not read, and what no node has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..fields import LONGEST_INTERFACE
from ..findings import did_you_mean, repeated
from ..ipam import IPAMS, Dhcp, Whereabouts
from ..ipam.base import Routed
from ..networks import Raw
from ..networks.base import TypedNetwork
from ..networks.bond import Bond
from ..networks.bridge import Bridge
from ..networks.known import INSTALLED, NEVER_FIRST
from ..networks.ovs import Ovs
from ..networks.raw import doubled
from ..networks.reading import entries, wished
from .configuration import Configuration, Declared
from .registry import Hit, at, check, where

DISABLED: Final = "disableContainerInterface"
HASHED: Final = ("balance-xor", "802.3ad", "balance-tlb")
DYNAMIC: Final = ("balance-tlb", "balance-alb")


@check()
def raw(one: Declared, _: Configuration) -> Iterator[Hit]:
    if not isinstance(one.network, Raw):
        return
    reading, version = one.network.reading, one.network.config.get("cniVersion")
    for fault in reading.invalid:
        yield Hit(fault.path, fault.message, fault.value, "", "invalid-plugin-value")
    for path, key, known, hint in reading.unread:
        near = did_you_mean(key, known)
        fix = near if near.startswith("Did") else hint[:1].upper() + hint[1:] or "Remove it"
        yield at("unknown-key", *path, remedy=fix)
    if reading.unknown:
        yield at("not-checked", "config", names=", ".join(reading.unknown))
    plugins = entries(one.network.config)
    # Text is passed on as it is. Multus gives a list its own version, and a single plugin none.
    unversioned = one.network.written and not version and "plugins" not in one.network.config
    first, sbr = plugins[0][1], [path for path, each in plugins if each["type"] == "sbr"]
    hops = isinstance(one.ipam, Routed) and one.ipam.default_hops
    yield from where(
        ("old-cni-version", "config.cniVersion", version in ("0.1.0", "0.2.0") or unversioned),
        ("sbr-twice", ("config", *sbr[-1], "type") if sbr else "", hops and len(sbr) > 1),
    )
    if first["type"] in ("ptp", "dummy") and not (first.get("ipam") or {}).get("type"):
        yield at("ipam-missing", "ipam", name=first["type"])
    for path in doubled(one.network.config):
        yield at("key-twice", "config", *path)


@check()
def calls(one: Declared, config: Configuration) -> Iterator[Hit]:
    there = {*INSTALLED, *config.get("extra_plugins", ())}
    for index, (path, name) in enumerate(one.network.calls):
        ipam = path[-2:] == ("ipam", "type")
        yield from where(
            ("ipam-plugin-as-network", path, name in IPAMS and not ipam),
            ("not-an-ipam-plugin", path, ipam and name in INSTALLED - IPAMS.keys()),
            ("plugin-of-the-cluster", path, name in ("multus", "loopback")),
            ("chained-plugin-first", path, index == 0 and name in NEVER_FIRST),
        )
        if name not in there and "extra_plugins" not in config.faulty:
            fix = (
                "Put it into each node's directory of CNI plugins, if it is not there, and name "
                f"it in multus:extraPlugins: [{name}]"
            )
            yield at("plugin-not-installed", *path, remedy=fix)


@check(TypedNetwork)
def ipam_missing(it: TypedNetwork) -> Iterator[Hit]:
    if it.needs_ipam and it.ipam is None:
        yield at("ipam-missing", "ipam", name=it.type)


@check(Bridge)
def bridge(it: Bridge) -> Iterator[Hit]:
    alone, vlan = it.ipam is None, it.vlan or it.vlan_trunk
    gateways = f"{it.bridge}.{it.vlan}"  # ensureVlanInterface
    too_long = it.vlan and it.own_addresses and len(gateways) > LONGEST_INTERFACE
    yield from where(
        ("interface-disabled-with-ipam", DISABLED, it.disable_container_interface and it.ipam),
        ("hairpin-and-promiscuous", "hairpinMode", it.hairpin_mode and it.promisc_mode),
        ("vlan-name-too-long", "bridge", too_long),
    )
    for key, idle, needed in (
        ("ipMasqBackend", it.ip_masq_backend and not it.ip_masq, "ipMasq: true"),
        ("preserveDefaultVlan", it.preserve_default_vlan and not vlan, "vlan or vlanTrunk"),
        ("isGateway", it.is_gateway and alone, "addresses"),
        ("ipMasq", it.ip_masq and alone, "addresses"),
    ):
        if idle:
            yield at("option-without-effect", key, needed=needed)
    for index, trunk in enumerate(it.vlan_trunk):
        if not trunk.for_plugin():
            yield at("option-without-effect", "vlanTrunk", index, needed="id, or minID and maxID")


@check(Ovs)
def ovs(it: Ovs) -> Iterator[Hit]:
    if it.trunk and it.vlan is not None:  # ParseOvsPortConfig in pkg/common, like SplitVlanIds
        message = "the plugin reads trunk instead of it"
        yield at("option-without-effect", "vlan", message=message)
    if not (it.bridge or it.resource_name or it.configuration_path):
        yield at("ovs-without-bridge", "bridge")
    for index, one in enumerate(it.trunk):
        if not one.names_vlans:
            yield at("option-without-effect", "trunk", index, needed="id, or minID and maxID")


@check(Bond)
def bond(it: Bond) -> Iterator[Hit]:
    for key, value, modes in (
        ("failOverMac", it.fail_over_mac or None, ("active-backup",)),
        ("tlbDynamicLb", it.tlb_dynamic_lb, DYNAMIC),
        ("xmitHashPolicy", it.xmit_hash_policy, HASHED),
    ):
        if value is not None and it.mode not in modes:
            message = f"it is for {', '.join(modes)}, and the mode is {it.mode}"
            yield at("option-without-effect", key, message=message)


@check()
def capabilities(one: Declared, _: Configuration) -> Iterator[Hit]:
    network = one.typed
    if network is None:
        return
    raw = entries(one.network.config) if isinstance(one.network, Raw) else []
    written = {wish: ("config", *path) for path, plugin in raw for wish in wished(plugin)}
    twice = dict(repeated(network.capabilities))
    for index, wish in enumerate(network.capabilities):
        again = f"capabilities[{twice[index]}] is that already" if index in twice else None
        if reason := _unserved(network, wish) or again:
            here = (*written[wish], "capabilities", wish) if raw else ("capabilities", index)
            yield at("capability-without-effect", *here, message=reason)
    if raw and network.mac_by == "tuning" and "mac" in wished(raw[0][1]):
        message = f"{network.type} sets none, so a pod's wish is lost"
        fix = "Give it to a plugin of type tuning behind it"
        here = ("config", *raw[0][0], "capabilities", "mac")
        yield at("capability-without-effect", *here, message=message, remedy=fix)


def _unserved(network: TypedNetwork, wish: str) -> str | None:
    if wish == "mac":
        return "pods share the master's MAC address" if network.mac_by is None else None
    if network.ipam is None:
        return "a network without ipam gives no addresses"
    if isinstance(network.ipam, Whereabouts):
        return "Whereabouts chooses addresses itself, and gives a wish beside its own"
    return "the DHCP server chooses addresses" if isinstance(network.ipam, Dhcp) else None
