"""Where the daemons run and what they may use: tolerations, node selector, resources.

Only what really reaches a container is offered. Facts are of the templates of rke2-multus
v4.2.414 to v4.3.017: the thin Multus's resources are rendered as null, the DHCP daemon's and the
init containers' not at all, and Whereabouts' reconciler takes neither tolerations nor a selector.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from .chart.values import EVERYWHERE, Values
from .fields import LABEL, QUALIFIED, Checked, Labels, matches
from .findings import Finding, did_you_mean, refuse
from .model import A_MAPPING, Model

OS: Final = "kubernetes.io/os"


class Toleration(Model):
    """A toleration, as in a pod."""

    always_written: ClassVar[frozenset[str]] = frozenset({"operator"})

    key: Annotated[str, matches(QUALIFIED, "a taint's key is like example.com/name")] | None = None
    """Key of the taint; left out for every key, with operator Exists."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists for any value, Equal for the one that is given."""
    value: (
        Annotated[str, matches(LABEL, "a taint's value has at most 63 letters, digits, -, _ and .")]
        | None
    ) = None
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

    def render(self) -> Values:
        return self.for_plugin()

    def everywhere(self, effect: str) -> bool:
        """Whether it tolerates every taint of that effect, for ever."""
        whole = self.key is None and self.toleration_seconds is None
        return whole and self.effect in (effect, None)


EVERY_NODE: Final = tuple(Toleration.model_validate(one) for one in EVERYWHERE)


def _linux(labels: dict[str, str]) -> dict[str, str]:
    if labels.get(OS, "linux") != "linux":
        refuse([Finding((OS,), "Multus runs on Linux nodes only. Remove it", labels[OS])])
    return labels


NodeSelector = Annotated[Labels, AfterValidator(_linux)]

# --- Resources, as `resource.Quantity` of Kubernetes (v1.34) reads them ---

STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
LONGEST_QUANTITY: Final = 32  # the API server cuts at 2^63
QUANTITY: Final = re.compile(
    r"([0-9]+\.?[0-9]*|\.[0-9]+)(?:([KMGTPE]i|[numkMGTPE])|([eE][+-]?[0-9]{1,3}))?"
)
UNITS: Final = "num kMGTPE"  # each a thousand times the one before it


def amount(value: Any) -> Decimal | None:
    """A quantity as a number; None where it is none."""
    match = QUANTITY.fullmatch(str(value)) if type(value) in (str, int, float) else None
    if not match or len(match[0]) > LONGEST_QUANTITY:
        return None
    unit = match[2] or " "
    base = Decimal(1024 if unit.endswith("i") else 1000)
    return Decimal(f"{match[1]}{match[3] or ''}") * base ** (UNITS.index(unit[0]) - 3)


def _quantities(entries: Any) -> Any:
    if not isinstance(entries, Mapping):
        refuse([Finding((), A_MAPPING, entries)])
    found = []
    for name, quantity in entries.items():
        if name not in STANDARD and "/" not in str(name):
            rule = f"is no resource of a container. {did_you_mean(name, STANDARD)}"
            found.append(Finding((str(name),), rule))
        elif amount(quantity) is None:
            rule = 'that is no quantity. Write it like "100m" or "128Mi"'
            found.append(Finding((str(name),), rule, quantity))
    refuse(found)
    return dict(entries)


_SCHEMA: Final = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
Quantities = Annotated[dict[str, Any], Checked(_quantities, _SCHEMA)]


class ContainerResources(Model):
    """Resources of one container. What is left out stays as the chart has it."""

    requests: Quantities = Field(default_factory=dict)
    """What the scheduler sets aside, such as cpu: 100m and memory: 128Mi."""
    limits: Quantities = Field(default_factory=dict)
    """What it gets at most. Beyond the memory it is killed, and pods wait for it to come back."""

    def render(self) -> Values:
        sides = {"requests": self.requests, "limits": self.limits}
        return {side: dict(found) for side, found in sides.items() if found}


class Resources(Model):
    """Resources by daemon, as far as the chart's values reach its container."""

    hints: ClassVar[Mapping[str, str]] = {
        "dhcp": "the chart has no resources for the DHCP daemon. Remove it",
        "cniPlugins": "the chart has no resources for its init containers. Remove it",
    }

    multus: ContainerResources | None = None
    """Multus's own; with thickPlugin only. The chart's memory limit of it is 1024Mi."""
    dynamic_networks_controller: ContainerResources | None = None
    """The dynamic networks controller's."""
    whereabouts: ContainerResources | None = None
    """Whereabouts' daemon, on each node; the chart requests 100m and 100Mi and sets no limit."""
    reconciler: ContainerResources | None = None
    """Whereabouts' reconciler, one in the cluster; from chart v4.2.415 on, limited to 50Mi."""

    def render(self) -> dict[str, Values]:
        found = {
            str(field.validation_alias): getattr(self, name)
            for name, field in type(self).model_fields.items()
        }
        return {daemon: one.render() for daemon, one in found.items() if one and one.render()}
