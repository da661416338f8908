"""The command line `multus-k3s`. It needs the extra `cli`, and never Pulumi."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

FAILED = 2


def main() -> None:
    """Run the command line; `multus-k3s` and `python -m` begin here."""
    if not find_spec("typer") or not find_spec("rich"):
        sys.exit("multus-k3s needs typer and rich. Install them: pip install '.[cli]'")
    from .app import app  # noqa: PLC0415

    try:
        try:
            app(prog_name="multus-k3s")
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Python would flush once more at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            what = error.filename or "the output cannot be written"
            print(f"error: {what}: {error.strerror}", file=sys.stderr)
        sys.exit(FAILED)
