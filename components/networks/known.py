"""CNI plugins by name: which ones the chart puts on the nodes, and what those without a model read.

The chart's image hardened-cni-plugins (v1.9.1) holds those of containernetworking/plugins, and
bond. Whereabouts brings its own, Multus too, and flannel's is K3s's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INSTALLED: Final = frozenset(
    (
        *("bandwidth", "bond", "bridge", "dhcp", "dummy", "firewall", "flannel", "host-device"),
        *("host-local", "ipvlan", "loopback", "macvlan", "multus", "portmap", "ptp", "sbr"),
        *("static", "tap", "tuning", "vlan", "vrf", "whereabouts"),
    )
)
NEVER_FIRST: Final = ("tuning", "sbr", "bandwidth", "firewall", "portmap", "vrf")
"""Plugins that work on the interface of one before them."""

KEYS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(keys.split())
    for name, keys in {
        "ptp": "ipMasq ipMasqBackend mtu",
        "dummy": "",
        "tap": "multiQueue mtu mac owner group selinuxContext bridge",
        "firewall": "backend iptablesAdminChainName firewalldZone ingressPolicy",
        "portmap": "backend snat conditionsV4 conditionsV6 masqAll markMasqBit "
        "externalSetMarkChain",
        "vrf": "vrfname table",
    }.items()
}
"""What these plugins read of their own: their `NetConf` in containernetworking/plugins 1.9.1."""
