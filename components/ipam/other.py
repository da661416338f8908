"""An IPAM plugin that the program does not know. Raw networks may have one; it is passed on."""

from __future__ import annotations

from .base import Ipam


class OtherIpam(Ipam):
    """Addresses from somewhere: nothing is known of them."""
