"""Starts the stand-in with the protocol of the SDK alone.

The engine starts it anew at each operation, and the rest of the SDK takes a quarter of a second.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def main() -> None:
    """Serve, without what `import pulumi` would run."""
    spec = find_spec("pulumi")
    if spec is None or spec.origin is None:
        sys.exit("the testbed's Python has no pulumi")
    root = Path(spec.origin).parent
    for name, folder in (("pulumi", root), ("pulumi.runtime", root / "runtime")):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    from testbed.plugins.command.server import main as serve  # noqa: PLC0415

    serve()
