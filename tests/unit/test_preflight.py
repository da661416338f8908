"""Preflight: the rules of the live cluster by their cases, and what may not be read.

What a real API server answers is in tests/engine/program/test_preflight.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components import parse, preflight
from components.cluster_tasks.attachments import STATUS
from components.cluster_tasks.survey import kept
from components.rules import registry
from components.rules.configuration import Configuration
from components.rules.live_objects import CRDS, READS, Live
from components.rules.registry import run_on

Json = dict[str, Any]
CASES: Final = yaml.safe_load(
    Path(__file__, "..", "..", "rules", "live_cluster.yaml").resolve().read_text(encoding="utf-8")
)
CLUSTER: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
LAN: Final = {
    "name": "lan",
    "type": "macvlan",
    "master": "eth1",
    "ipam": {"type": "whereabouts", "range": "192.168.20.0/24"},
}
NAMES: Final = dict(
    zip(("networks", "ippools", "nodeslicepools", "reservations"), CRDS, strict=True)
)
RELEASE: Final = "meta.helm.sh/release-name"
SPACE: Final = "meta.helm.sh/release-namespace"


def configuration(changes: Json | None = None) -> Configuration:
    """The base with the keys of a case laid over it; a cluster's one by one."""
    base = {"cluster": CLUSTER, "ipam": "whereabouts", "networks": [LAN], **(changes or {})}
    if base.get("deploy") == "networks":
        del base["ipam"]
    given = base["cluster"]
    base["cluster"] = given if "confDir" in given else {**CLUSTER, **given}
    parsed = parse.parse(base)
    assert not [one for one in parsed.findings if one.severity == "error"], parsed.findings
    return parsed.configuration


def node(case: Json) -> Json:
    message = case.get("ready", "kubelet is posting ready status")
    ready = {"type": "Ready", "status": str("ready" not in case), "message": message}
    addresses = case.get("addresses", ["192.168.1.10"])
    return {
        "metadata": {"name": "a", **case},
        "spec": case.get("spec", {"podCIDRs": ["10.42.0.0/24"]}),
        "status": {
            "nodeInfo": {"kubeletVersion": case.get("version", CLUSTER["version"])},
            "conditions": [ready],
            "allocatable": case.get("offers", {}),
            "addresses": [{"type": "InternalIP", "address": one} for one in addresses],
        },
    }


def daemon_set(case: Json) -> Json:
    notes = {RELEASE: case["release"], SPACE: "kube-system"} if "release" in case else None
    image = case.get("image", "rancher/hardened-multus-cni:v4")
    return {
        "metadata": {"name": "ds", "namespace": "kube-system", "annotations": notes, **case},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
    }


def crd(name: str, case: Json) -> Json:
    notes = {RELEASE: case["release"], SPACE: "kube-system"} if "release" in case else {}
    notes |= {"helm.sh/resource-policy": case["keep"]} if "keep" in case else {}
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    return {"metadata": {**case, "name": NAMES[name], "annotations": notes, "labels": labels}}


def definition(case: Json) -> Json:
    """As the API server has it: by kubectl, where the case has nobody else."""
    config = json.dumps({"cniVersion": "1.0.0", "name": "lan", **case.get("config", {})})
    by = [{"manager": case.get("by", "kubectl-client-side-apply")}]
    meta = {"name": "lan", "namespace": "default", "managedFields": by, **case}
    return {"metadata": meta, "spec": {"config": config}}


def pod(case: Json) -> Json:
    networks = [{"name": "cbr0", "default": True, "ips": ["10.42.0.9"]}]
    networks += [{"name": name, "ips": ips} for name, ips in case["has"].items()]
    notes = {STATUS: json.dumps(networks)}
    status = {"podIPs": [{"ip": "10.42.0.9"}]}
    meta = {"name": "web", "namespace": "default", "annotations": notes}
    spec = {"nodeName": "a"}  # the name of a node whose case has none
    return {"metadata": {**meta, **case}, "spec": spec, "status": status}


WRITTEN_OUT: Final[dict[str, Callable[[Json], Json]]] = {
    "nodes": node,
    "daemonsets": daemon_set,
    "namespaces": lambda case: {"metadata": case},
    "helmcharts": lambda case: case,
    "ciliumnodes": lambda case: case,
    "definitions": definition,
    "pods": pod,
}


def live(case: Json) -> Live:
    """One node of K3s and nothing else, with what a case has in place of it."""
    base = {"nodes": [{}], "namespaces": [{"name": "default"}], "daemonsets": []}
    own, release = case.pop("own", ["default/lan"]), case.pop("own_release", False)
    there = {**base, "service": {"spec": {"clusterIPs": ["10.43.0.1"]}}, **case}
    found: Json = dict.fromkeys(READS)
    for name, value in there.items():
        if name in NAMES and value is not None:
            found[NAMES[name]] = crd(name, value)
        elif isinstance(value, list):
            found[name] = {"items": [WRITTEN_OUT[name](one) for one in value]}
        else:
            found[name] = value
    own = None if own is None else frozenset(own)
    return replace(read_as_the_task_does(found), own=own, own_release=release)


def read_as_the_task_does(found: Json) -> Live:
    return Live(
        {
            name: None if value is None else kept(value, READS[name].keep)
            for name, value in found.items()
        }
    )


def rows(kind: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{index}")
        for name, both in CASES.items()
        for index, case in enumerate(both[kind])
    ]


def said(case: Json) -> list[Any]:
    return run_on(live({**case.get("live", {})}), configuration(case.get("config")))


@pytest.mark.parametrize(("name", "case"), rows("invalid"))
def test_invalid(name: str, case: Json) -> None:
    *_, finding = sorted(said(case), key=lambda one: one.rule == name)
    assert {one.rule for one in said(case)} == {name, *case.get("with", ())}
    assert case["says"] in finding.sentence
    assert len(finding.sentence.splitlines()) == 1


@pytest.mark.parametrize(("name", "case"), rows("valid"))
def test_valid(name: str, case: Json) -> None:
    assert name not in {one.rule for one in said(case)}


def test_every_rule_has_cases_and_every_read_a_rule() -> None:
    assert {one.name for one in registry.of_live_cluster()} == set(CASES)
    assert {name for one in registry.of_live_cluster() for name in one.needs} == set(READS)
    assert not [one for one in READS.values() if "secret" in one.path or "*" in one.path]


def test_what_may_not_be_read_leaves_its_rules_out_and_no_other() -> None:
    wrong = live({"nodes": [{"version": "v9"}], "cilium": {"data": {"cni-exclusive": "true"}}})
    blind = Live(wrong.found, frozenset({"nodes"}))
    assert [one.rule for one in run_on(blind, configuration())] == ["cilium-exclusive"]
    [line] = preflight.left_out(blind)
    assert line.startswith("the kubeconfig's user may not read nodes, which these rules look at: ")
    [line] = preflight.left_out(Live({}, frozenset(CRDS)))
    assert "crd-not-kept, applied-by-another. docs/preflight-clusterrole.yaml has" in line


NAMED: Final = {"metadata": {"name": "a", "namespace": "b"}}
# Of each kind an object with nothing but a name, and others that a YAML of somebody's could make.
ODD: Final[list[Json]] = [
    NAMED,
    {**NAMED, "spec": None, "status": None, "data": None},
    {**NAMED, "spec": {}, "status": {}, "data": {}},
    {
        "metadata": {**NAMED["metadata"], "labels": None, "annotations": None},
        "spec": {
            "taints": [{}, None],
            "podCIDRs": None,
            "clusterIPs": ["None"],
            "template": {"spec": {"containers": None}},
            "chart": 5,
            "targetNamespace": ["x"],
        },
        "status": {
            "conditions": [{}, None],
            "addresses": [{}, {"address": "a.example"}],
            "allocatable": None,
            "nodeInfo": None,
        },
    },
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("deploy", ["all", "networks"])
def test_no_object_ends_in_a_traceback(odd: Json, deploy: str) -> None:
    found = {name: {"items": [odd], **odd} for name in READS}
    config = configuration({"deploy": deploy})
    assert {type(one.sentence) for one in run_on(read_as_the_task_does(found), config)} == {str}


def test_the_tasks_answer() -> None:
    assert preflight.read_answer({"unreachable": "EOF"}) == "EOF"

    answer = {"found": {"nodes": None}, "forbidden": ["cilium"]}
    assert preflight.read_answer(answer) == Live({"nodes": None}, frozenset({"cilium"}))
