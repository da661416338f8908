"""The stack files in the documents: each is one that the program takes."""

from __future__ import annotations

import re

import pytest
import yaml

from components.networks.annotation import KEY, Selection, pod_annotation
from components.networks.summary import summary
from tests.stacks.files import ROOT, read

STACK = re.compile(r"```yaml\n(config:\n.*?)```", re.DOTALL)
SHOWN = [
    pytest.param(text, id=f"{file.name}-{index}")
    for file in sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    for index, text in enumerate(STACK.findall(file.read_text()))
]
KINDS = next(text for text in STACK.findall((ROOT / "docs" / "networks.md").read_text()))


@pytest.mark.parametrize("text", SHOWN)
def test_what_a_document_shows_is_taken(text: str) -> None:
    parsed = read(yaml.safe_load(text)["config"])
    assert parsed.args is not None, [str(one) for one in parsed.findings]


def test_the_kinds_are_all_there_and_their_pods_start() -> None:
    args = read(yaml.safe_load(KINDS)["config"]).args
    assert args is not None
    by_name = {one.name: one for one in args.networks}
    assert {one.model_dump()["type"] for one in args.networks} == {
        *("macvlan", "ipvlan", "vlan", "bridge", "host-device", "sriov", "bond", "ovs", "raw")
    }
    bond = [Selection(network=by_name[name]) for name in ("left", "right", "both")]
    assert pod_annotation(bond, args.cluster, args.networks).value
    assert summary(by_name["both"])["links"] == ["net1", "net2"]
    assert "annotation" not in summary(by_name["both"])
    assert summary(by_name["lan"])["annotation"] == {KEY: "default/lan"}
    assert summary(by_name["fast"])["resource"] == "intel.com/sriov_netdevice"
