"""What was real in a run of tests, by the section of the summary that says so."""

from __future__ import annotations

USED: dict[str, list[str]] = {}
