"""One thing that is wrong, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from ..findings import Severity


@dataclass(frozen=True)
class Diagnosis:
    """What was found about an object, with the command that mends it or says more."""

    check: str
    subject: str
    """The object: `namespace/name`, or a name where it is in none."""
    message: str
    """Goes on after the subject."""
    command: str
    severity: Severity = Severity.WARNING
    details: tuple[str, ...] = ()
    """Further lines."""
