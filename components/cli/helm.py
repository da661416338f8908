"""What Helm keeps of a release, as the commands read it."""

from __future__ import annotations

from typing import Any

from ..chart.versions import NAMESPACE
from ..cluster_tasks.helm_records import newest, unpacked
from ..cluster_tasks.kubectl import Kubectl


def record(kubectl: Kubectl, name: str) -> Any | None:
    """The newest revision's; None without one. Raises TaskError."""
    found = newest(kubectl, NAMESPACE, name)
    return found and unpacked(found)
