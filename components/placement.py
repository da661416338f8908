"""Where the daemons run and what they may use: tolerations, node selector, resources.

Only what really reaches a container is offered. Facts are of the templates of rke2-multus
v4.2.414 to v4.3.017: the thin Multus's resources are rendered as null, the DHCP daemon's and the
init containers' not at all, and Whereabouts' reconciler takes neither tolerations nor a selector.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from .chart.extra_values import schema, shape
from .fields import LABEL, QUALIFIED, Checked, Labels, matches
from .findings import Finding, refuse
from .model import Model

OS: Final = "kubernetes.io/os"
_VALUE: Final = matches(LABEL, "a taint's value has at most 63 letters, digits, -, _ and .")


class Toleration(Model):
    """A toleration, as in a pod."""

    key: Annotated[str, matches(QUALIFIED, "a taint's key is like example.com/name")] | None = None
    """Key of the taint; left out for every key, with operator Exists."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists for any value, Equal for the one that is given."""
    value: Annotated[str, _VALUE] | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; left out for every effect."""
    toleration_seconds: int | None = Field(default=None, ge=0, le=2**63 - 1)
    """How long a pod stays on a node that got the taint; for ever where it is left out."""

    def incomplete(self) -> Iterator[Finding]:
        if self.operator == "Exists" and self.value is not None:
            rule = "does nothing beside operator Exists, and Kubernetes refuses it"
            yield Finding(("value",), rule)
        if self.operator == "Equal" and self.key is None:
            yield Finding(("operator",), "without a key it must be Exists", self.operator)
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            rule = "Kubernetes takes it beside NoExecute only"
            yield Finding(("tolerationSeconds",), rule, self.toleration_seconds)


# Multus runs on every node, also on tainted ones; an IPAM that does not leaves pods there without
# addresses (the subchart alone tolerates NoSchedule only and may be evicted).
EVERY_NODE: Final = (
    Toleration(operator="Exists", effect="NoSchedule"),
    Toleration(operator="Exists", effect="NoExecute"),
)


def _linux(labels: dict[str, str]) -> dict[str, str]:
    if labels.get(OS, "linux") != "linux":
        refuse([Finding((OS,), "Multus runs on Linux nodes only. Remove it", labels[OS])])
    return labels


NodeSelector = Annotated[Labels, AfterValidator(_linux)]

UNITS: Final = "num kMGTPE"  # each a thousand times the one before it


def amount(quantity: str | float) -> Decimal:
    """A quantity as a number, as `resource.Quantity` of Kubernetes (v1.34) reads it."""
    match = re.fullmatch("([0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?)(i?)", str(quantity))
    assert match is not None
    base = Decimal(1024 if match[3] else 1000)
    return Decimal(match[1]) * base ** (UNITS.index(match[2] or " ") - 3)


def _resources(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    refuse(shape(value, "resources"))
    found = {
        daemon: {side: given for side, given in sides.items() if given}
        for daemon, sides in value.items()
    }
    return {daemon: sides for daemon, sides in found.items() if sides}


Resources = Annotated[dict[str, Any], Checked(_resources, schema()["$defs"]["resources"])]
