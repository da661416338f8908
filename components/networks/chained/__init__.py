"""Plugins that are chained behind a network's own, in the order in which they work.

Each works on what the plugin before it made. tuning comes first, because sbr moves the routes of
an interface that must then stay as it is. Fields and rules from containernetworking/plugins 1.9.1,
`plugins/meta`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...model import Model
from .bandwidth import Bandwidth
from .sbr import Sbr
from .tuning import Tuning

CHAINED: Final[Mapping[str, type[Model]]] = {"tuning": Tuning, "bandwidth": Bandwidth, "sbr": Sbr}

__all__ = ["CHAINED", "Bandwidth", "Sbr", "Tuning"]
