"""A new kind is one class and one line: nothing else has to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

import pytest

from components.cli import reference
from components.cli.pages import kinds_page
from components.cli.schema import schema
from components.fields import InterfaceName
from components.findings import Path
from components.networks import KINDS, Raw, TypedNetwork
from components.networks.base import Wire
from components.networks.summary import summary
from components.parse import parse

CLUSTER: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
RANGE: Final = {"type": "whereabouts", "range": "10.1.0.0/24"}


class Toy(TypedNetwork):
    """A toy on a stick."""

    example: ClassVar[Mapping[str, Any]] = {"name": "toy", "type": "toy", "stick": "eth1"}

    type: Literal["toy"] = "toy"
    """toy."""
    stick: InterfaceName
    """What the toy is on."""
    turns_per_hour: int = 5
    """How often it turns."""

    @property
    def segment(self) -> str:
        return self.stick

    @property
    def wires(self) -> tuple[Wire, ...]:
        return ((self.stick, 1),)

    @property
    def uses(self) -> Mapping[str, Path]:
        return {self.stick: ("stick",)}


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "toy", Toy)


def findings(*networks: dict[str, Any], **settings: Any) -> dict[str, str]:
    """What is said of the networks, by rule."""
    base = {"cluster": CLUSTER, "ipam": "whereabouts", "extraPlugins": ["toy"]}
    parsed = parse({**base, "networks": list(networks), **settings})
    return {one.rule: one.sentence for one in parsed.findings}


MINE: Final = {**Toy.example, "turnsPerHour": 7, "ipam": RANGE}


def test_a_stack_has_it() -> None:
    assert findings(MINE) == {}
    said = findings({**MINE, "stik": "eth1"})["shape"]
    assert said == 'multus:networks[0].stik is not a known key. Did you mean "stick"? [shape]'
    said = findings({"name": "toy", "type": "toy"})["shape"]
    assert said == "multus:networks[0].stick is missing: what the toy is on [shape]"
    assert "Did you mean" in findings({**MINE, "type": "tow"})["shape"]


def test_rules_look_at_it() -> None:
    assert set(findings(MINE, extraPlugins=[])) == {"plugin-not-installed"}
    fixed = {"type": "static", "addresses": [{"address": "10.1.0.9/24"}]}
    other = {"name": "b", "type": "macvlan", "master": "eth1", "ipam": fixed}
    assert "overlaps network default/toy on eth1" in findings(MINE, other)["range-overlap"]
    taker = {"name": "c", "type": "host-device", "device": "eth1"}
    assert "networks[0].stick is" in findings(MINE, taker)["device-taken"]


def test_it_is_rendered_and_read_again() -> None:
    toy = Toy(name="toy", stick="eth1", turns_per_hour=7)
    text = toy.render()
    assert '"turnsPerHour": 7' in text
    again = Raw(name="toy", config=text)  # type: ignore[arg-type]
    assert again.typed is not None
    assert again.typed.model_dump() == toy.model_dump()


def test_it_is_known_in_raw() -> None:
    config = {"type": "toy", "stick": "eth1", "turnsPerHuor": 7, "capabilities": {"ips": True}}
    said = findings({"name": "a", "type": "raw", "config": config})
    assert 'Did you mean "turnsPerHour"?' in said["unknown-key"]
    assert "not-checked" not in said
    wrong = {"name": "a", "type": "raw", "config": {**config, "STICK": "eth 1"}}
    assert "config.STICK" in findings(wrong)["invalid-plugin-value"]


def test_its_summary_is_there() -> None:
    toy = Toy(name="toy", stick="eth1", ipam=RANGE, capabilities=("ips",))  # type: ignore[arg-type]
    found = summary(toy)
    assert found["capacity"] == 254
    assert "10.1.0.1/24" in str(found["example"])


def test_editors_and_documents_have_it() -> None:
    networks = schema()["properties"]["config"]["properties"]["multus:networks"]["items"]
    assert {"$ref": "#/$defs/Toy"} in networks["oneOf"]
    stick = schema()["$defs"]["Toy"]["properties"]["stick"]
    assert stick["description"] == "What the toy is on."
    page = kinds_page()
    assert "| `toy` | A toy on a stick. |" in page
    assert "stick: eth1" in page
    assert "| `stick` | text | required | What the toy is on. |" in reference.page()
