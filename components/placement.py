"""Where the daemons run and what they may use: tolerations, node selector, resources.

Only what really reaches a container is offered. Facts are of the templates of rke2-multus
v4.2.414 to v4.3.017: the thin Multus's resources are rendered as null, the DHCP daemon's and the
init containers' not at all, and Whereabouts' reconciler takes neither tolerations nor a selector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.chart import RECONCILER, VERSIONS, Chart
from components.faults import Fault, refuse
from components.forms import Form
from components.model import Model
from components.values import Values
from components.values.kinds import KINDS
from components.values.raw import KNOWN
from components.values.resources import LABEL, QUALIFIED, above_limits, quantities
from components.values.typed import EVERYWHERE

OS: Final = "kubernetes.io/os"


def _checked(faults: Callable[[Any], Iterator[Fault]]) -> BeforeValidator:
    def check(value: Any) -> Any:
        refuse(faults(value))
        return value

    return BeforeValidator(check)


class Toleration(Model):
    """A toleration, as in a pod."""

    key: (
        Annotated[
            str, Form(rf"(?![^/]{{254}}){QUALIFIED}", "a taint's key is like example.com/name")
        ]
        | None
    ) = None
    """Key of the taint; left out for every key, with operator Exists."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists for any value, Equal for the one that is given."""
    value: (
        Annotated[str, Form(LABEL, "a taint's value has at most 63 letters, digits, -, _ and .")]
        | None
    ) = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; left out for every effect."""
    toleration_seconds: int | None = Field(default=None, ge=0, le=2**63 - 1)
    """How long a pod stays on a node that got the taint; for ever where it is left out."""

    def faults(self) -> Iterator[Fault]:
        if self.operator == "Exists" and self.value is not None:
            yield Fault(
                ("value",), "does nothing beside operator Exists, and Kubernetes refuses it"
            )
        if self.operator == "Equal" and self.key is None:
            yield Fault(("operator",), "without a key it must be Exists", self.operator)
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            yield Fault(
                ("tolerationSeconds",),
                "Kubernetes takes it beside NoExecute only",
                self.toleration_seconds,
            )

    def render(self) -> Values:
        return self.model_dump(by_alias=True, exclude_none=True)

    def everywhere(self, effect: str) -> bool:
        """Whether it tolerates every taint of that effect, for ever."""
        return (
            self.key is None and self.effect in (effect, None) and self.toleration_seconds is None
        )


EVERY_NODE: Final = tuple(Toleration.model_validate(one) for one in EVERYWHERE)

Quantities = Annotated[
    dict[str, Any],
    _checked(quantities),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number"]}}),
]


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

    withheld: ClassVar[Mapping[str, str]] = {
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
            (field.alias or name): getattr(self, name)
            for name, field in type(self).model_fields.items()
        }
        return {daemon: one.render() for daemon, one in found.items() if one and one.render()}


# Where each daemon's resources are among the chart's values, whose defaults `known.json` holds.
PLACES: Final = {
    "multus": "pod.resources.multus",
    "dynamicNetworksController": "pod.resources.dynamicNetworksController",
    "whereabouts": "rke2-whereabouts.resources",
    "reconciler": "rke2-whereabouts.reconciler.resources",
}


def resource_faults(
    given: Resources, chart: Chart, ipams: Sequence[str], *, thick: bool, dynamic: bool
) -> Iterator[Fault]:
    """Resources of what is not deployed, and requests above limits. `ipams` is empty if unknown."""
    for daemon, found in given.render().items():
        if reason := _idle(daemon, chart, ipams, thick=thick, dynamic=dynamic):
            yield Fault((daemon,), f"does nothing: {reason}")
            continue
        default = KNOWN[PLACES[daemon]].default or {}
        yield from (fault.under(daemon) for fault in above_limits(found, default))


def _idle(
    daemon: str, chart: Chart, ipams: Sequence[str], *, thick: bool, dynamic: bool
) -> str | None:
    """Why resources of that daemon would reach no container, None if they reach one."""
    match daemon:
        case "multus" if not thick:
            return (
                "the chart renders them as null for the thin plugin, which has no limits. Remove it"
            )
        case "dynamicNetworksController" if not dynamic:
            return "the dynamic networks controller is not deployed. Remove it"
        case "whereabouts" | "reconciler" if ipams and "whereabouts" not in ipams:
            return f"the stack deploys {' and '.join(ipams)}, and not Whereabouts. Remove it"
        case "reconciler" if not chart.facts.reconciler_deployment:
            first = next(name for name, row in VERSIONS.items() if row.number >= RECONCILER)
            return (
                f"up to the chart before {first} the daemon does the reconciler's work. "
                "Use whereabouts"
            )
        case _:
            return None


def _selector_faults(value: Any) -> Iterator[Fault]:
    yield from KINDS["labels"](value)
    if isinstance(value, Mapping) and value.get(OS, "linux") != "linux":
        yield Fault((OS,), "Multus runs on Linux nodes only. Remove it", value[OS])


NodeSelector = Annotated[
    dict[str, str],
    _checked(_selector_faults),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{QUALIFIED}$"},
            "additionalProperties": {"type": "string", "pattern": f"^{LABEL}$"},
        }
    ),
]


def warnings(tolerations: Sequence[Toleration], selector: Mapping[str, str]) -> Iterator[str]:
    """What Multus is kept from, which no pod there is told."""
    left_out = [
        effect
        for effect in ("NoSchedule", "NoExecute")
        if not any(one.everywhere(effect) for one in tolerations)
    ]
    if left_out:
        yield (
            f"multus:tolerations leaves out some taints of effect {' and '.join(left_out)}: pods "
            "on nodes with them get only their first interface, without any error"
        )
    if set(selector) - {OS}:
        yield (
            "multus:nodeSelector leaves nodes without Multus: pods there get only their first "
            "interface, without any error. Give pods with networks the same nodeSelector"
        )
