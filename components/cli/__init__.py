"""The command line `multus-k3s`. It needs the extra `cli`, and never Pulumi."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line; `multus-k3s` and `python -m` begin here."""
    if not find_spec("typer") or not find_spec("rich"):
        sys.exit("multus-k3s needs typer and rich. Install them: pip install 'multus-k3s[cli]'")
    from .app import app  # noqa: PLC0415

    app(prog_name="multus-k3s")
