"""Every example of a stack loads, without a warning, and gives exactly what was reviewed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from components.parse import FIELDS
from tests.stacks.files import ROOT, STACKS, arguments, expected, read, stack_path

FOLDER = Path(__file__).parent / "expected"


def test_each_has_an_ipam_of_its_own() -> None:
    assert {stack: arguments(stack).ipam for stack in ("dev", "staging", "prod")} == {
        "dev": "host-local",
        "staging": "dhcp",
        "prod": "whereabouts",
    }


def test_only_prod_is_protected() -> None:
    assert [stack for stack in STACKS if arguments(stack).protect] == ["prod"]


@pytest.mark.parametrize("stack", STACKS)
def test_gives_exactly_what_was_reviewed(stack: str, *, update_goldens: bool) -> None:
    args = arguments(stack)
    found = {
        "networks": {network.key: json.loads(network.render()) for network in args.networks},
        "values": args.values,
        "crdValues": args.crd_values,
    }
    if update_goldens:
        (FOLDER / f"{stack}.json").write_text(json.dumps(found, indent=2) + "\n")
    assert found == expected(stack)


@pytest.mark.parametrize("stack", STACKS)
def test_has_nothing_to_warn_of(stack: str) -> None:
    assert [str(one) for one in arguments(stack).findings if one.severity != "note"] == []


@pytest.mark.parametrize("stack", STACKS)
def test_names_the_schema_for_editors(stack: str) -> None:
    first = stack_path(stack).read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schemas/stack.schema.json"


def test_the_project_declares_every_key_with_the_default_that_it_has_here() -> None:
    """The CLI hands these defaults over as if the stack's file had them.

    An entry without one is the owner's (docs/sites.md).
    """
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert set(declared) >= {f"multus:{field.alias or name}" for name, field in FIELDS.items()}
    cluster = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
    least = {"multus:cluster": cluster, "multus:ipam": "whereabouts"}
    by_default = {key: row["default"] for key, row in declared.items() if "default" in row}
    args, same = read({**by_default, **least}).args, read(least).args
    assert args
    assert same
    assert args.model_dump() == same.model_dump()
