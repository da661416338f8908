"""Affinity in raw Helm values, typed and checked as the API server does it (core/v1, v1.34).

Rules of `ValidateNodeSelectorRequirement`, `ValidateNodeFieldSelectorRequirement` and
`validatePodAffinityTerm` in pkg/apis/core/validation, and of `ValidateLabelSelector` in
apimachinery.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from components.faults import Fault
from components.forms import Form
from components.model import Model
from components.values.resources import A_LABEL, LABEL, NAME, QUALIFIED

NO_KEY: Final = "a label's key is like example.com/name, with 63 letters"
Key = Annotated[str, Form(rf"(?![^/]{{254}}){QUALIFIED}", NO_KEY)]
Value = Annotated[str, Form(LABEL, A_LABEL)]
Namespace = Annotated[
    str,
    Form(
        "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        "the name of a namespace has at most 63 lower case letters, digits and -",
    ),
]


class Requirement(Model):
    """A condition on one label."""

    key: Key
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[Value, ...] = ()

    def faults(self) -> Iterator[Fault]:
        alone = self.operator in ("Exists", "DoesNotExist")
        if alone and self.values:
            rule = f"Kubernetes takes none beside {self.operator}. Remove it"
            yield Fault(("values",), rule, self.values)
        elif not alone and not self.values:
            yield Fault(("values",), f"is missing: {self.operator} needs one", absence=True)


class NodeRequirement(Requirement):
    """A condition on one label of a node, which may be a number."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]  # type: ignore[assignment]

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        compared = self.operator in ("Gt", "Lt") and self.values
        if compared and not (len(self.values) == 1 and re.fullmatch("[0-9]{1,18}", self.values[0])):
            rule = f"{self.operator} compares with one whole number, in quotes"
            yield Fault(("values",), rule, self.values)


class NodeField(Model):
    """A condition on a node's name."""

    key: Literal["metadata.name"]
    operator: Literal["In", "NotIn"]
    values: tuple[
        Annotated[str, Form(rf"(?=.{{1,253}}$){NAME}", "that is no name of a node")], ...
    ] = Field(min_length=1)
    """The node's name."""

    def faults(self) -> Iterator[Fault]:
        if len(self.values) > 1:
            rule = "Kubernetes takes one name here. Give each a term of its own"
            yield Fault(("values",), rule, self.values)


class NodeTerm(Model):
    """Conditions that a node must meet all."""

    match_expressions: tuple[NodeRequirement, ...] = ()
    match_fields: tuple[NodeField, ...] = ()


class NodeSelector(Model):
    """Terms of which a node must meet one."""

    node_selector_terms: tuple[NodeTerm, ...] = Field(min_length=1)


Weight = Annotated[int, Field(ge=1, le=100)]


class PreferredNode(Model):
    """A term and how much it counts."""

    weight: Weight
    preference: NodeTerm


class NodeAffinity(Model):
    """Nodes that are needed, or preferred."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNode, ...] = ()


class LabelSelector(Model):
    """Conditions on labels that an object must meet all."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()

    def faults(self) -> Iterator[Fault]:
        for key, value in self.match_labels.items():
            if not re.fullmatch(rf"(?![^/]{{254}}){QUALIFIED}", key):
                yield Fault(("matchLabels", key), f"is no such name: {NO_KEY}")
            elif not re.fullmatch(LABEL, value):
                yield Fault(("matchLabels", key), A_LABEL, value)


class PodTerm(Model):
    """Pods, and the part of the cluster that counts as near them."""

    topology_key: Key
    label_selector: LabelSelector | None = None
    namespaces: tuple[Namespace, ...] = ()
    namespace_selector: LabelSelector | None = None


class PreferredPod(Model):
    """A term and how much it counts."""

    weight: Weight
    pod_affinity_term: PodTerm


class PodAffinity(Model):
    """Pods to be near, or far from."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPod, ...] = ()


class Affinity(Model):
    """Where the scheduler may and should put a pod."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
