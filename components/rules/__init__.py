"""The linter: named rules over what could be read, one file a topic.

`catalog.toml` has what is known of each rule, and the functions here what it finds. Importing this
package registers them all.
"""

from __future__ import annotations

from . import (  # noqa: F401
    addresses,
    chained,
    devices,
    gateways,
    ipam,
    live_cluster,
    live_fail_closed,
    live_networks,
    live_nodes,
    plugins,
    routes,
    settings,
)
from .configuration import Configuration, Declared
from .registry import Allowed, Hit, Rule, catalog, run, settle

__all__ = ["Allowed", "Configuration", "Declared", "Hit", "Rule", "catalog", "run", "settle"]
