"""Preflight on the live API server: each rule, and the same cluster without its cause.

The cases are in preflight.yaml. Beside them stands the cluster that fits, with no finding at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components import preflight
from components.cluster_tasks import script
from components.findings import Finding
from components.parse import parse
from components.rules import Configuration
from components.rules.live_objects import CRDS, READS, Live
from components.rules.registry import catalog, run_on
from testbed.cluster import Cluster
from testbed.nodes import K3S, node
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram, account, kubeconfig
from tests.engine.program.test_changes import set_secret
from tests.engine.program.test_refusals import one_error
from tests.stacks.files import ROOT
from tests.unit.tasks import run as run_task

Json = dict[str, Any]
ROLE: Final = yaml.safe_load((ROOT / "docs" / "preflight-clusterrole.yaml").read_text())
CASES: Final = yaml.safe_load(Path(__file__).with_name("preflight.yaml").read_text())
LAN: Final = {
    "name": "lan",
    "type": "macvlan",
    "master": "eth1",
    "ipam": {"type": "whereabouts", "range": "192.168.20.0/24"},
}
BASE: Final = {
    "cluster": {"distribution": "k3s", "version": K3S, "nodes": "multi"},
    "ipam": "whereabouts",
    "networks": [LAN],
}


def configuration(stack: Json | None = None) -> Configuration:
    return parse({**BASE, **(stack or {})}).configuration


def survey(cluster: Cluster, tmp_path: Path, kubeconfig: Path | None = None) -> Live:
    done = run_task(
        script("survey"),
        PATH=f"{cluster.program.parent}:{os.environ['PATH']}",
        HOME=str(tmp_path),
        KUBECONFIG=str(kubeconfig or cluster.kubeconfig),
        MULTUS_READS=preflight.reads(),
    )
    assert done.returncode == 0, done.stderr
    answer = preflight.read_answer(json.loads(done.stdout))
    assert isinstance(answer, Live), answer
    return replace(answer, own=frozenset({"default/lan"}))


def make(cluster: Cluster, case: Json) -> None:
    """The node and the objects of a case; with the test they go."""
    if "node" in case:
        extra = node("extra", 200, case["node"].get("version", K3S), {})
        extra["spec"] |= case["node"].get("spec", {})
        cluster.apply(extra)
        cluster.wait_for(
            lambda: "extra" in {one["metadata"]["name"] for one in cluster.items("nodes")},
            "the node",
        )
    for one in case.get("objects", ()):
        cluster.apply(one)
        if one["kind"] == "CustomResourceDefinition":
            name = one["metadata"]["name"]
            cluster.kubectl("wait", "--for=condition=Established", f"crd/{name}")
        if one["kind"] == "Pod":
            where = (f"pod/{one['metadata']['name']}", "-n", one["metadata"]["namespace"])
            cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Running", *where)


def test_control_a_cluster_that_fits_has_no_finding(cluster: Cluster, tmp_path: Path) -> None:
    found = survey(cluster, tmp_path)
    assert run_on(found, configuration()) == []
    assert preflight.left_out(found) == []


@pytest.mark.parametrize("name", CASES)
def test_finding(name: str, cluster: Cluster, tmp_path: Path) -> None:
    case = CASES[name]
    make(cluster, case)
    [finding] = run_on(survey(cluster, tmp_path), configuration(case.get("stack")))
    assert finding.rule == case["rule"]
    assert case["says"] in finding.sentence


@pytest.mark.parametrize("name", CASES)
def test_control(name: str, cluster: Cluster, tmp_path: Path) -> None:
    control = CASES[name]["control"]
    make(cluster, control)
    stack = control.get("stack", CASES[name].get("stack"))
    assert run_on(survey(cluster, tmp_path), configuration(stack)) == []


@contextmanager
def not_ready(cluster: Cluster, *names: str) -> Iterator[None]:
    cluster.set_ready(*names, ready=False)
    try:
        yield
    finally:
        cluster.set_ready(*names, ready=True)


def test_no_default_cni(cluster: Cluster, tmp_path: Path) -> None:
    """The nodes say so; kwok in the kubelet's words."""
    names = [one["metadata"]["name"] for one in cluster.items("nodes")]
    for without, rule in (names, "no-default-cni"), (names[:1], "no-default-cni-on-some-nodes"):
        with not_ready(cluster, *without):
            [finding] = run_on(survey(cluster, tmp_path), configuration())
            assert finding.rule == rule
    assert run_on(survey(cluster, tmp_path), configuration()) == []


WRONG: Final = (
    *("a node across the directories' change", "pods elsewhere", "another Multus by manifest"),
    *("a HelmChart", "Cilium alone", "a pod of another IPAM", "a foreign release's CRD"),
)


# One CNI has the pods' networks: a cluster has one of these, or the nodes' podCIDRs count.
ELSEWHERE: Final = {
    "ciliumnodes": "pods of Cilium elsewhere",
    "ippools": "pods of Calico elsewhere",
}


def everything_wrong(cluster: Cluster, *more: str) -> Configuration:
    """Something for each kind of object that preflight reads."""
    make(cluster, {"node": CASES[WRONG[0]]["node"] | CASES[WRONG[1]]["node"]})
    for name in (*WRONG[2:], *more):
        make(cluster, CASES[name])
    services = CASES["services elsewhere"]["stack"]
    networks = [{**LAN, "namespace": "edge-x"}, LAN]
    return configuration({**services, "networks": networks})


def user_with(cluster: Cluster, role: Json, tmp_path: Path) -> Path:
    """A kubeconfig of a service account that is bound to the role alone."""
    cluster.apply(role)
    return account(cluster, "preflight", role["metadata"]["name"], tmp_path / "narrow.yaml")


def settled(cluster: Cluster, kubeconfig: Path, forbidden: set[str], tmp_path: Path) -> Live:
    """The survey once the API server's authorizer has seen a change of roles."""
    seen: list[Live] = []

    def agrees() -> bool:
        seen.append(survey(cluster, tmp_path, kubeconfig))
        return seen[-1].forbidden == forbidden

    cluster.wait_for(agrees, f"{forbidden} to be forbidden", 10)
    return seen[-1]


def rules(found: list[Finding]) -> list[str]:
    return [one.rule for one in found]


def test_the_shipped_role_is_just_enough(cluster: Cluster, tmp_path: Path) -> None:
    config = everything_wrong(cluster)
    whole = run_on(survey(cluster, tmp_path), config)
    assert len(whole) == 9
    narrow = user_with(cluster, ROLE, tmp_path)
    found = settled(cluster, narrow, set(), tmp_path)
    assert run_on(found, config) == whole
    assert preflight.left_out(found) == []
    assert {verb for rule in ROLE["rules"] for verb in rule["verbs"]} == {"get", "list"}


# What the removed rule of the role is about -> the reads that it was for.
READ_BY: Final = {
    "nodes": {"nodes", "namespaces"},
    "services": {"service"},
    "configmaps": {"cilium"},
    "ciliumnodes": {"ciliumnodes"},
    "ippools": {"calicopools"},
    "daemonsets": {"daemonsets"},
    "helmcharts": {"helmcharts"},
    "customresourcedefinitions": {*CRDS},
    "network-attachment-definitions": {"definitions"},
    "pods": {"pods"},
}


@pytest.mark.parametrize("elsewhere", [None, *ELSEWHERE])
def test_control_without_a_rule_of_the_role_something_is_left_out(
    elsewhere: str | None, cluster: Cluster, tmp_path: Path
) -> None:
    config = everything_wrong(cluster, *([ELSEWHERE[elsewhere]] if elsewhere else []))
    whole = run_on(survey(cluster, tmp_path), config)
    for resource in [elsewhere] if elsewhere else READ_BY.keys() - ELSEWHERE.keys():
        allowed = [rule for rule in ROLE["rules"] if resource not in rule["resources"]]
        assert len(allowed) == len(ROLE["rules"]) - 1, resource
        narrow = user_with(cluster, {**ROLE, "rules": allowed}, tmp_path)
        forbidden = READ_BY[resource]
        found = settled(cluster, narrow, forbidden, tmp_path)
        left = run_on(found, config)
        lost = set(whole) - set(left)
        assert lost, resource
        assert not elsewhere or {"cidr-differs"} <= {one.rule for one in lost}
        assert all(forbidden.intersection(catalog()[one.rule].needs) for one in lost), resource
        assert set(left) <= set(whole), resource
        lines = preflight.left_out(found)
        assert len(lines) == len({READS[name].called for name in forbidden}), resource
        assert all("may not read" in line for line in lines), resource


def test_findings_stop_a_run_all_at_once(cluster: Cluster, program: MakeProgram) -> None:
    for name in ("Cilium alone", "another Multus by manifest", "a node of another patch"):
        make(cluster, CASES[name])
    checkout = program("dev", cluster, preflight="auto")
    for run in (checkout.preview, checkout.up):
        head, *lines = one_error(run("dev")).splitlines()
        assert head == "nothing was changed, because preflight has 4 errors and 1 warning:"
        assert {line.rpartition("[")[2] for line in lines} == {
            "several-nodes]",
            "other-multus]",
            "cilium-exclusive]",
            "version-differs]",
        }
    cluster.kubectl("delete", "daemonset/ds", "-n", "default")
    assert live.crds(cluster) == set()
    assert live.workloads(cluster) == set()
    # The engine notes which plugins it asked, its own among them; that is all.
    resources = checkout.state("dev")["deployment"].get("resources", [])
    assert {one["type"] for one in resources} <= {
        "pulumi:pulumi:Stack",
        "pulumi:providers:command",
        "pulumi:providers:pulumi",
    }


def test_control_off_looks_at_nothing_and_destroy_does_not_either(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("dev", cluster)
    text = checkout.stack_file("dev").read_text()
    # Bare, which readers of YAML 1.1 take for false.
    checkout.write_stack("dev", text.replace("preflight: 'off'", "preflight: off"))
    assert "preflight: off\n" in checkout.stack_file("dev").read_text()
    checkout.up("dev").check()
    checkout.configure("dev", {"preflight": "required"})
    assert "pods can be scheduled on 3 nodes" in one_error(checkout.up("dev"))
    checkout.destroy("dev").check()
    assert live.workloads(cluster) == set()


def test_a_whole_life_with_preflight_required_and_a_secret_kubeconfig(
    cluster: Cluster, program: MakeProgram
) -> None:
    """What the stack itself deploys is no finding."""
    checkout = program("prod", cluster, preflight="required", protect=False)
    env = {"KUBECONFIG": "/nowhere/at-all"}
    assert checkout.cli("stack", "init", "prod", env=env).returncode == 0
    set_secret(checkout, cluster.kubeconfig.read_text(), env, "prod")
    for operation in (checkout.preview, checkout.up, checkout.preview):
        result = operation("prod", env=env).check()
        assert not [one for one in result.diagnostics if "preflight" in one.message]
    assert result.changes == ()


def test_a_cluster_that_does_not_answer(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    dead = kubeconfig(cluster, tmp_path / "dead.yaml", server="https://127.0.0.1:9")
    env = {"KUBECONFIG": dead}
    checkout = program("prod", cluster)
    result = checkout.preview("prod", env=env).check()
    [said] = [one.message for one in result.diagnostics if "preflight" in one.message]
    assert said.startswith("preflight left out: the cluster does not answer: ")
    assert len(said.strip().splitlines()) == 1
    checkout.configure("prod", {"preflight": "required"})
    error = one_error(checkout.preview("prod", env=env))
    assert error.startswith("preflight is required, but the cluster does not answer: ")
    assert error.endswith("; nothing was changed")
