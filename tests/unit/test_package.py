"""The schema for other languages: every type that it names is there, and says what ours say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic.alias_generators import to_camel

from components.multus import OUTPUTS, TYPE
from components.networks import KINDS
from components.package import schema

SCHEMA: Final = schema(TYPE, "1.2.3")
MADE: Final = SCHEMA["resources"][TYPE]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    below = value
    if isinstance(value, dict):
        yield value
        below = value.values()
    for one in below if not isinstance(below, str | bool | None) else ():
        yield from nodes(one)


def test_every_reference_leads_somewhere() -> None:
    named = {one["$ref"] for one in nodes(SCHEMA) if isinstance(one.get("$ref"), str)}
    ours = {one.removeprefix("#/types/") for one in named if one.startswith("#/types/")}
    assert ours == set(SCHEMA["types"])
    assert named - {f"#/types/{one}" for one in ours} == {"pulumi.json#/Any"}


def test_a_network_is_one_of_the_kinds_by_its_type() -> None:
    item = MADE["inputProperties"]["networks"]["items"]
    mapping = item["discriminator"]["mapping"]
    assert mapping.keys() == KINDS.keys()
    for kind, where in mapping.items():
        model = SCHEMA["types"][where.removeprefix("#/types/")]
        assert model["properties"]["type"]["const"] == kind
        assert {"type", "name"} <= {*model["required"]}
    macvlan = SCHEMA["types"]["multus:index:Macvlan"]["properties"]
    assert macvlan["mtu"]["type"] == "integer"
    assert macvlan["labels"]["additionalProperties"] == {"type": "string"}
    assert macvlan["ipam"]["discriminator"]["propertyName"] == "type"


def test_outputs_are_the_components() -> None:
    assert MADE["properties"].keys() == {*map(to_camel, OUTPUTS)}
    assert MADE["requiredInputs"] == ["cluster"]
