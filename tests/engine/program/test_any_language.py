"""The component from a program that knows only its type and its inputs, as other languages do.

Such a program registers a remote component; the engine starts the package's provider, and this
constructs it. A language host, which there is none of here, would start the provider likewise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.tools import ROOT
from tests.engine.conftest import MakeWorkspace
from tests.engine.program import live
from tests.engine.program.conftest import TIMEOUT_SECONDS, ChartSettings
from tests.unit.tasks import executable

STACK: Final = "dev"
TYPE: Final = "multus:index:MultusComponent"
PROGRAM: Final = """
import json
import pulumi

OUTPUTS = ("networks", "releaseName", "chartVersion", "images")


class Remote(pulumi.ComponentResource):
    def __init__(self, inputs):
        props = {**dict.fromkeys(OUTPUTS), **inputs}
        super().__init__("multus:index:MultusComponent", "multus", props, remote=True)


with open("inputs.json") as file:
    made = Remote(json.load(file))
for name in OUTPUTS:
    pulumi.export(name, getattr(made, name))
"""
EXAMPLE: Final = yaml.safe_load((ROOT / "examples/any-language/Pulumi.yaml").read_text())
INPUTS: Final[Mapping[str, Any]] = EXAMPLE["resources"]["multus"]["properties"]


class MakeProgram(Protocol):
    def __call__(self, **inputs: object) -> Workspace: ...


@pytest.fixture
def program(
    workspace: MakeWorkspace, cluster: Cluster, library: Path, chart: ChartSettings, tmp_path: Path
) -> MakeProgram:
    def make(**inputs: object) -> Workspace:
        source = tmp_path / "source"
        source.mkdir()
        (source / "__main__.py").write_text(PROGRAM)
        (source / "Pulumi.yaml").write_text("name: remote\nruntime: python\n")
        (source / "inputs.json").write_text(
            json.dumps({**INPUTS, "timeout": TIMEOUT_SECONDS, "chart": chart(), **inputs})
        )
        made = workspace(source, cluster=cluster)
        command = f'PYTHONPATH={library} exec {sys.executable} {ROOT / "provider"} "$@"'
        executable(made.engine.root / "bin" / "pulumi-resource-multus", command)
        return made

    return make


def test_it_is_deployed_changed_and_removed(program: MakeProgram, cluster: Cluster) -> None:
    made = program()
    made.preview(STACK).check()
    assert live.releases(cluster) == set()
    outputs = made.up(STACK).check().outputs
    assert outputs["releaseName"] == "multus"
    assert outputs["networks"]["default/lan"]["ipam"] == "whereabouts"
    assert live.releases(cluster) == {"multus", "multus-crd"}
    assert live.networks(cluster)["default/lan"]["mtu"] == 1400
    assert made.preview(STACK).check().changes == ()
    made.destroy(STACK).check()
    assert live.workloads(cluster) == set()


REFUSED: Final = {
    "what cannot be read": ({"timeout": "soon"}, "timeout"),
    "what cannot work": (
        {"networks": [{**INPUTS["networks"][0], "ipam": {"type": "dhcp"}}]},
        "networks[0].ipam.type",
    ),
    "a context that is not there": ({"context": "nowhere"}, 'the context is "nowhere"'),
}


@pytest.mark.parametrize(("inputs", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_said_at_preview(
    inputs: Mapping[str, Any], says: str, program: MakeProgram, cluster: Cluster
) -> None:
    made = program(**inputs)
    result = made.preview(STACK)
    assert not result.ok
    assert any(says in one for one in result.errors), result.errors
    assert live.releases(cluster) == set()
