"""A pod's annotation: what Multus reads, and what it would drop or break on."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components import K3s, Selection, pod_annotation
from components.findings import ArgsError
from components.model import read
from components.networks import KINDS
from components.networks.annotation import KEY
from components.networks.summary import summary

Json = dict[str, Any]
CASES: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "annotation.yaml").read_text()
)
NETWORKS: Final = {name: read(KINDS[one["type"]], one) for name, one in CASES["networks"].items()}
PYTHON: Final = {"defaultRoute": "default_route"}


def pick(name: str, wishes: Json | None = None) -> Selection:
    found: Json = {
        PYTHON.get(key, key): tuple(value) if isinstance(value, list) else value
        for key, value in (wishes or {}).items()
    }
    return Selection(network=NETWORKS[name], **found)


@pytest.mark.parametrize("case", CASES["taken"].values(), ids=CASES["taken"])
def test_is_the_json_form_that_multus_reads(case: Json) -> None:
    found = pod_annotation([pick(*one) for one in case["select"]])
    assert found.annotations == {KEY: found.value}
    assert found.resources == case.get("resources", {})
    assert found.node_selector == case.get("nodes", {})
    value = json.loads(found.value)
    assert len(value) == len(case["select"])
    assert value == case.get("value", value)


@pytest.mark.parametrize(("select", "said"), CASES["refused"].values(), ids=CASES["refused"])
def test_refuses(select: list[Any], said: str) -> None:
    with pytest.raises(ArgsError) as caught:
        pod_annotation([pick(*one) for one in select])
    assert said in str(caught.value)


def test_no_default_route_of_a_family_that_the_cluster_has() -> None:
    """There eth0 has one, which Multus leaves; a cluster that is not named has IPv4 alone."""
    pods = (ip_network("10.52.0.0/16"), ip_network("fd42::/56"))
    dual = K3s(version="v1.34.2+k3s1", nodes="multi", cluster_cidr=pods)
    wish = [pick("six", {"defaultRoute": ["fd00::1"]})]
    with pytest.raises(ArgsError, match=r"defaultRoute\[0\].*eth0's default route of IPv6"):
        pod_annotation(wish, dual)
    assert "fd00::1" in pod_annotation(wish).value


@pytest.mark.parametrize(
    ("selections", "cluster", "said"),
    [
        (None, None, "selections is no list of Selection"),
        (pick("lan"), None, "selections is no list of Selection"),
        ([NETWORKS["lan"]], None, "selections is no list of Selection"),
        (["lan"], None, "selections is no list of Selection"),
        ([pick("lan")], pick("lan"), r"cluster is no cluster. Give the one"),
    ],
)
def test_other_arguments_are_refused_in_one_line(selections: Any, cluster: Any, said: str) -> None:
    with pytest.raises(ArgsError, match=said):
        pod_annotation(selections, cluster)


@pytest.mark.parametrize("name", CASES["summaries"])
def test_a_summary_says_how_to_use_a_network(name: str) -> None:
    """Its example is an annotation that is accepted."""
    found = summary(NETWORKS[name])
    if "example" in found:
        found["example"] = json.loads(found["example"][KEY])
    assert found == CASES["summaries"][name]
