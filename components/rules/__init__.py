"""The linter: named rules over what could be read, one file a topic.

`catalog.toml` has what is known of each rule, and the functions here what it finds. Importing this
package registers them all.
"""

from __future__ import annotations

from . import addresses, chained, devices, gateways, ipam, plugins, routes, settings
from . import live_cluster as live_cluster
from . import live_nodes as live_nodes
from .configuration import Configuration, Declared
from .registry import RULES, Allowed, Hit, Rule, run, settle

__all__ = [
    "RULES",
    "Allowed",
    "Configuration",
    "Declared",
    "Hit",
    "Rule",
    "addresses",
    "chained",
    "devices",
    "gateways",
    "ipam",
    "plugins",
    "routes",
    "run",
    "settings",
    "settle",
]
