"""Multus on K3s: the component, its arguments and the kinds of networks and IPAM.

Other Pulumi programs import from here and nowhere below; `__init__.pyi` lists the names. A name is
looked up when it is asked for: importing the package costs nothing, reads no config and reaches no
network.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
