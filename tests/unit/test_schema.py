"""The committed JSON Schema is the generated one, and says what the models say.

An editor that underlines what the program takes, or passes what any schema could refuse, teaches
people to ignore it. So both verdicts are compared: on the stacks of the repository and its
documents, on the cases in cases/schema.yaml, on each of these with one thing wrong in it, and on
the faulty stacks, where a reviewed list names each that only the models can refuse.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from components.cli import schema
from components.parse import parse
from tests.stacks.files import ROOT, STACKS, stack_path

FILE: Final = ROOT / "schemas" / "stack.schema.json"
COMMITTED: Final = json.loads(FILE.read_text())
VALIDATOR: Final = Draft202012Validator(COMMITTED)
DATA: Final = Path(__file__).parent / "cases"
CASES: Final[dict[str, dict[str, Any]]] = yaml.safe_load((DATA / "schema.yaml").read_text())
FAULTY: Final = sorted((ROOT / "tests" / "stacks" / "faulty").glob("*.yaml"))
PASSED: Final = DATA / "schema-passes.txt"
STACK: Final = re.compile(r"```yaml\n(config:\n.*?)```", re.DOTALL)
K3S: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
SHOWN: Final = {
    f"{file.name}-{index}": text
    for file in sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    for index, text in enumerate(STACK.findall(file.read_text()))
}
EXAMPLES: Final = {stack: stack_path(stack).read_text() for stack in STACKS}
WRONG: Final[tuple[Any, ...]] = (7, "?", None, {})


def whole(settings: dict[str, Any]) -> dict[str, Any]:
    """A stack file with the settings, on K3s where they do not say."""
    return {
        "config": {f"multus:{key}": value for key, value in ({"cluster": K3S} | settings).items()}
    }


def mistakes(content: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(content)]


def changed(node: Any) -> Iterator[Any]:
    """`node` with one thing in it missing, added, or of another kind."""
    children: list[Any] = []
    if isinstance(node, dict):
        children = list(node)
        for key in children:
            yield {name: value for name, value in node.items() if name != key}
        yield {**node, "unheardOf": 1}
    elif isinstance(node, list):
        children = list(range(len(node)))
    for child in children:
        others = [other for other in WRONG if other != node[child]]
        for value in [*others, *changed(node[child])]:
            copied = copy.copy(node)
            copied[child] = value
            yield copied


def test_is_valid_and_committed_as_generated() -> None:
    Draft202012Validator.check_schema(COMMITTED)
    assert FILE.read_text() == schema.text(), "run make schema"


def test_every_key_says_what_it_is_for() -> None:
    models = {name: one["properties"] for name, one in COMMITTED["$defs"].items()}
    models["config"] = COMMITTED["properties"]["config"]["properties"]
    lacking = [
        f"{name}.{key}"
        for name, properties in models.items()
        for key, value in properties.items()
        if not value.get("description") and name != "Secret"
    ]
    assert lacking == []


def test_an_editor_completes_the_types_and_their_keys() -> None:
    networks = COMMITTED["properties"]["config"]["properties"]["multus:networks"]["items"]["oneOf"]
    kinds = [COMMITTED["$defs"][one["$ref"].rpartition("/")[2]] for one in networks]
    by_type = {one["properties"]["type"]["const"]: one for one in kinds}
    assert {"macvlan", "raw"} <= by_type.keys()
    assert {"name", "type", "config"} == {*by_type["raw"]["required"]}
    assert "bridge" in by_type["macvlan"]["properties"]["mode"]["enum"]


@pytest.mark.parametrize("text", [*EXAMPLES.values(), *SHOWN.values()], ids=[*EXAMPLES, *SHOWN])
def test_takes_the_stacks_of_the_repository_and_its_documents(text: str) -> None:
    assert mistakes(yaml.safe_load(text)) == []


@pytest.mark.parametrize("name", CASES["taken"])
def test_both_take_good_stacks(name: str) -> None:
    settings = CASES["taken"][name]
    assert mistakes(whole(settings)) == []
    parsed = parse({"cluster": K3S} | settings)
    assert parsed.args is not None, [str(one) for one in parsed.findings]


@pytest.mark.parametrize("name", CASES["taken"])
def test_what_the_schema_refuses_in_a_changed_stack_the_models_refuse_too(name: str) -> None:
    for settings in changed({"cluster": K3S} | CASES["taken"][name]):
        if not VALIDATOR.is_valid({"config": {f"multus:{k}": v for k, v in settings.items()}}):
            assert parse(settings).args is None, settings


@pytest.mark.parametrize("name", CASES["taken_by_the_schema"])
def test_the_schema_takes(name: str) -> None:
    assert mistakes(CASES["taken_by_the_schema"][name]) == []


@pytest.mark.parametrize("name", CASES["refused_by_the_schema"])
def test_the_schema_refuses(name: str) -> None:
    assert mistakes(CASES["refused_by_the_schema"][name])


def test_the_schema_passes_exactly_the_reviewed_faulty_stacks(*, update_goldens: bool) -> None:
    """A fault that appears in the list or leaves it is for a person to look at."""
    passed = [one.stem for one in FAULTY if not mistakes(yaml.safe_load(one.read_text()))]
    if update_goldens:
        PASSED.write_text("\n".join(passed) + "\n")
    assert passed == PASSED.read_text().split()
