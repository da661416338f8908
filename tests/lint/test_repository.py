"""What the hosting service and its bots read: well-formed, and of this repository."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
import yaml

from components.chart.versions import REPOSITORY
from tests.stacks.files import ROOT

TEMPLATES: Final = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
RENOVATE: Final[dict[str, Any]] = json.loads((ROOT / ".github/renovate.json").read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_an_issue_form_asks_each_thing_once(path: Any) -> None:
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert form["contact_links"]
        return
    assert {"name", "description", "body"} <= form.keys()
    ids = [one["id"] for one in form["body"]]
    assert len(ids) == len({*ids})
    assert all(one["type"] in ("input", "textarea", "dropdown") for one in form["body"])


STACK: Final = "config:\n  multus:ipam: dhcp\n  multus:chart: {text}\n  multus:deploy: all\n"


@pytest.mark.parametrize(
    "text",
    [
        '{version: "v4.3.016", path: charts}',
        "{ version: v4.3.016}",
        "\n    version: v4.3.016\n    path: charts",
    ],
)
def test_renovate_finds_the_chart_of_a_stack(text: str) -> None:
    [manager] = RENOVATE["customManagers"]
    [pattern] = manager["matchStrings"]
    pattern = pattern.replace("(?<", "(?P<")  # as Python writes what RE2 has both ways
    found = re.search(pattern, STACK.replace("{text}", text))
    assert found
    assert found["currentValue"] == "v4.3.016"
    assert manager["registryUrlTemplate"] == REPOSITORY
    [files] = manager["managerFilePatterns"]
    assert re.search(files.strip("/"), "stacks/Pulumi.prod.yaml")
    # Control: no other version of a stack is taken for it.
    assert not re.search(
        pattern.replace("(?<", "(?P<"), STACK.replace("{text}", "{path: v4.3.016}")
    )
