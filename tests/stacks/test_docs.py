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
NETWORKS = (ROOT / "docs" / "networks.md").read_text()
KINDS = next(text for text in STACK.findall(NETWORKS))
# A stack with a network for some nodes, and a Deployment whose pods join it.
SOME_NODES = next(text for text in STACK.findall(NETWORKS) if "nodes: {example.com" in text)
[DEPLOYMENT] = re.findall(r"```yaml\n(apiVersion: .*?)```", NETWORKS, re.DOTALL)


@pytest.mark.parametrize("text", SHOWN)
def test_what_a_document_shows_is_taken(text: str) -> None:
    parsed = read(yaml.safe_load(text)["config"])
    assert parsed.args is not None, [str(one) for one in parsed.findings]


@pytest.mark.parametrize("text", [KINDS, *STACK.findall((ROOT / "docs" / "guides.md").read_text())])
def test_a_guide_and_the_page_of_kinds_have_nothing_to_warn_of(text: str) -> None:
    parsed = read(yaml.safe_load(text)["config"])
    assert [str(one) for one in parsed.findings if one.severity != "note"] == []


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


def test_the_deployment_of_a_network_for_some_nodes_has_what_the_output_says() -> None:
    args = read(yaml.safe_load(SOME_NODES)["config"]).args
    assert args is not None
    template = yaml.safe_load(DEPLOYMENT)["spec"]["template"]
    found = summary(args.networks[0])
    assert template["metadata"]["annotations"] == found["annotation"]
    assert template["spec"]["nodeSelector"] == found["nodeSelector"]
