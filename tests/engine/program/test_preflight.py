"""Preflight on the live API server: each finding, and the same cluster without its cause.

Each row makes what is found with kubectl, as whoever caused it would have. Its control is the same
row with the fix, or the near miss; beside it stands the cluster that fits, with no finding at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.args import MultusArgs
from components.live import script
from components.preflight import Finding, Live, findings, left_out, reads
from components.preflight.live import CRDS, READS
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.nodes import K3S, node
from testbed.results import Result
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.test_changes import set_secret
from tests.engine.program.test_refusals import one_error
from tests.stacks.files import ROOT

ROLE = yaml.safe_load((ROOT / "docs" / "preflight-clusterrole.yaml").read_text())
OLD = "v1.30.5+k3s1"
MANY = {"distribution": "k3s", "version": K3S, "nodes": "multi"}
Json = dict[str, Any]


def lan(subnet: str = "192.168.20.0/24", kind: str = "whereabouts", **ipam: Any) -> Json:
    where = {"subnet" if kind == "host-local" else "range": subnet}
    return {
        "name": "lan",
        "type": "macvlan",
        "master": "eth1",
        "ipam": {"type": kind, **where, **ipam},
    }


def arguments(**changes: Any) -> MultusArgs:
    base = {"cluster": MANY, "ipam": "whereabouts", "networks": [lan()]}
    return MultusArgs.model_validate({**base, **changes})


def survey(cluster: Cluster, tmp_path: Path, kubeconfig: Path | None = None) -> Live:
    """What the task says, run as the plugin runs it: by another Python, from its standard input."""
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=script("preflight"),
        env={
            "PATH": f"{cluster.program.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "KUBECONFIG": str(kubeconfig or cluster.kubeconfig),
            "MULTUS_READS": reads(),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return Live(answer["found"], frozenset(answer["forbidden"]))


Setup = Callable[[Cluster], Any]


@dataclass(frozen=True)
class Row:
    """What is made in the cluster, what the stack says, and what is found; and its control."""

    make: Setup
    said: str
    severity: str = "refuse"
    stack: Json = field(default_factory=dict)
    control: Setup = lambda _: None
    control_stack: Json | None = None


def added(version: str = K3S, **spec: Any) -> Setup:
    """One more node; with the test it goes."""

    def make(cluster: Cluster) -> None:
        one = node("extra", 200, version, {})
        one["spec"] |= spec
        cluster.apply(one)
        cluster.wait_for(
            lambda: "extra" in {n["metadata"]["name"] for n in cluster.items("nodes")}, "the node"
        )

    return make


def applied(*objects: Mapping[str, Any]) -> Setup:
    return lambda cluster: cluster.apply(*objects)


def daemon_set(image: str, owner: str | None = None, where: str = "default") -> Json:
    labels = {"app": "x"}
    notes = {"meta.helm.sh/release-name": owner, "meta.helm.sh/release-namespace": where}
    pod = {"nodeSelector": {"no": "node"}, "containers": [{"name": "c", "image": image}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "ds", "namespace": where, "annotations": notes if owner else {}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def definition(kind: str, plural: str, group: str, **notes: str) -> Json:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": notes},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }


def helm_chart(chart: str, **notes: str) -> Setup:
    def make(cluster: Cluster) -> None:
        cluster.apply(definition("HelmChart", "helmcharts", "helm.cattle.io"))
        cluster.kubectl("wait", "--for=condition=Established", "crd/helmcharts.helm.cattle.io")
        cluster.apply(
            {
                "apiVersion": "helm.cattle.io/v1",
                "kind": "HelmChart",
                "metadata": {"name": "some", "namespace": "kube-system", "annotations": notes},
                "spec": {"chart": chart},
            }
        )

    return make


def cilium(exclusive: str) -> Setup:
    return applied(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cilium-config", "namespace": "kube-system"},
            "data": {"cni-exclusive": exclusive},
        }
    )


def networks_crd(owner: str, **notes: str) -> Setup:
    marks = {
        "meta.helm.sh/release-name": owner,
        "meta.helm.sh/release-namespace": "kube-system",
        **notes,
    }
    group = "k8s.cni.cncf.io"
    return applied(
        definition("NetworkAttachmentDefinition", "network-attachment-definitions", group, **marks)
    )


def nothing(_: Cluster) -> None:
    """The cluster as it is: three Ready nodes of K3s."""


KEEP = {"helm.sh/resource-policy": "keep"}
SINGLE = {**MANY, "nodes": "single"}
LOCAL = {"cluster": SINGLE, "ipam": "host-local", "networks": [lan(kind="host-local")]}
ROWS = {
    "a node across the directories' change": Row(
        added(OLD), f"extra with {OLD}: the CNI plugins are in another directory", control=added()
    ),
    "a node of another patch": Row(
        added("v1.34.9+k3s1"), "extra with v1.34.9+k3s1", "warn", control=added()
    ),
    "a node of another distribution": Row(
        added("v1.34.2+rke2r1"),
        "that is no version of k3s, so Multus does not work there",
        "warn",
        control=added("v1.34.2+rke2r1"),
        control_stack={"nodeSelector": {"kubernetes.io/hostname": "node-1"}},
    ),
    "nodes all of another distribution": Row(
        added("v1.34.2+rke2r1"),
        "that is no version of k3s, so the directories of k3s are not where it looks",
        stack={"nodeSelector": {"kubernetes.io/hostname": "extra"}},
        control=added(),
    ),
    "host-local on several nodes": Row(
        nothing,
        "host-local would hand out the same addresses on each for default/lan",
        stack=LOCAL,
        control_stack={
            **LOCAL,
            "cluster": MANY,
            "networks": [lan(kind="host-local", allowMultiNode=True)],
        },
    ),
    "several nodes that are told as one": Row(
        nothing, "is single, but pods can be", "warn", {"cluster": SINGLE}, control_stack={}
    ),
    "pods elsewhere": Row(
        added(podCIDR="10.99.0.0/24", podCIDRs=["10.99.0.0/24"]),
        "pods have addresses outside multus:cluster.clusterCidr (10.42.0.0/16): 10.99.0.0/24",
        control=added(podCIDR="10.99.0.0/24", podCIDRs=["10.99.0.0/24"]),
        control_stack={"cluster": {**MANY, "clusterCidr": ["10.42.0.0/16", "10.99.0.0/16"]}},
    ),
    "services elsewhere": Row(
        nothing,
        "the Service kubernetes has 10.43.0.1, outside multus:cluster.serviceCidr (10.96.0.0/16)",
        stack={"cluster": {**MANY, "serviceCidr": ["10.96.0.0/16"]}},
        control_stack={},
    ),
    "a nodes' own address": Row(
        nothing,
        "the nodes' own addresses 198.18.0.",
        stack={"networks": [lan("198.18.0.0/24")]},
        control_stack={"networks": [lan("198.18.0.0/24", rangeStart="198.18.0.100")]},
    ),
    "a namespace that is not there": Row(
        nothing,
        "namespace edge-x of network edge-x/lan does not exist",
        stack={"networks": [{**lan(), "namespace": "edge-x"}]},
        control=lambda cluster: cluster.kubectl("create", "namespace", "edge-x"),
        control_stack={"networks": [{**lan(), "namespace": "edge-x"}]},
    ),
    "another Multus by manifest": Row(
        applied(daemon_set("ghcr.io/k8snetworkplumbingwg/multus-cni:v4.2.2")),
        "another Multus runs as DaemonSet ds in default, of no Helm release",
        control=applied(daemon_set("ghcr.io/k8snetworkplumbingwg/whereabouts:v0.9.4")),
    ),
    "a second release of the chart": Row(
        applied(daemon_set("rancher/hardened-multus-cni:v4", "other", "default")),
        "another Multus is installed, as Helm release other in default",
        control=applied(daemon_set("rancher/hardened-multus-cni:v4", "multus", "kube-system")),
    ),
    "a HelmChart": Row(
        helm_chart("https://rke2-charts.rancher.io/assets/rke2-multus/rke2-multus-v4.3.017.tgz"),
        "HelmChart some in kube-system installs Multus too",
        control=helm_chart("rke2-multus", **{"helmcharts.helm.cattle.io/unmanaged": "true"}),
    ),
    "Cilium alone": Row(cilium("true"), "Cilium takes other CNIs'", control=cilium("false")),
    "a foreign release's CRD": Row(
        networks_crd("rke2-multus", **KEEP),
        "belongs to Helm release rke2-multus in namespace kube-system",
        control=networks_crd("multus-crd", **KEEP),
    ),
    "a CRD that is not kept": Row(
        networks_crd("multus"),
        "is not marked helm.sh/resource-policy: keep",
        "warn",
        control=networks_crd("multus", **KEEP),
    ),
}


def test_control_a_cluster_that_fits_has_no_finding(cluster: Cluster, tmp_path: Path) -> None:
    found = survey(cluster, tmp_path)
    assert findings(found, arguments()) == []
    assert left_out(found) == []


@pytest.mark.parametrize("name", ROWS)
def test_finding(name: str, cluster: Cluster, tmp_path: Path) -> None:
    row = ROWS[name]
    row.make(cluster)
    [finding] = findings(survey(cluster, tmp_path), arguments(**row.stack))
    assert finding.severity == row.severity
    assert row.said in finding.text


@pytest.mark.parametrize("name", ROWS)
def test_control(name: str, cluster: Cluster, tmp_path: Path) -> None:
    row = ROWS[name]
    row.control(cluster)
    stack = row.stack if row.control_stack is None else row.control_stack
    assert findings(survey(cluster, tmp_path), arguments(**stack)) == []


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
    with not_ready(cluster, *names):
        [finding] = findings(survey(cluster, tmp_path), arguments())
        assert finding.severity == "refuse"
        assert "no node has a default CNI" in finding.text
    with not_ready(cluster, names[0]):
        [finding] = findings(survey(cluster, tmp_path), arguments())
        assert finding.severity == "warn"
    assert findings(survey(cluster, tmp_path), arguments()) == []


def everything_wrong(cluster: Cluster) -> MultusArgs:
    """One fault for each kind of object that preflight reads."""
    added(OLD, podCIDR="10.99.0.0/24", podCIDRs=["10.99.0.0/24"])(cluster)
    cluster.apply(daemon_set("nfvpe/multus"))
    helm_chart("rke2-multus")(cluster)
    cilium("true")(cluster)
    networks_crd("rke2-multus")(cluster)
    return arguments(
        networks=[{**lan(), "namespace": "edge-x"}],
        cluster={**MANY, "serviceCidr": ["10.96.0.0/16"]},
    )


def user_with(cluster: Cluster, role: Json, tmp_path: Path) -> Path:
    """A kubeconfig of a service account that is bound to the role alone."""
    account = {"name": "preflight", "namespace": "default"}
    cluster.apply(
        role,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "multus-preflight"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role["metadata"]["name"],
            },
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    )
    token = cluster.kubectl("create", "token", "preflight").strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    file = tmp_path / "narrow.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


def settled(cluster: Cluster, kubeconfig: Path, forbidden: set[str], tmp_path: Path) -> Live:
    """The survey once the API server's authorizer has seen a change of roles."""
    stop = time.monotonic() + 10
    while (found := survey(cluster, tmp_path, kubeconfig)).forbidden != forbidden:
        assert time.monotonic() < stop, found.forbidden
        time.sleep(0.2)
    return found


def test_the_shipped_role_is_just_enough(cluster: Cluster, tmp_path: Path) -> None:
    args = everything_wrong(cluster)
    whole: list[Finding] = findings(survey(cluster, tmp_path), args)
    assert len(whole) == 8
    narrow = user_with(cluster, ROLE, tmp_path)
    found = settled(cluster, narrow, set(), tmp_path)
    assert findings(found, args) == whole
    assert left_out(found) == []
    assert {verb for rule in ROLE["rules"] for verb in rule["verbs"]} == {"get", "list"}


# What the removed rule is about -> the reads that it was for, and the findings that are lost.
RULES = {
    "nodes": ({"nodes", "namespaces"}, 3),
    "services": ({"service"}, 1),
    "configmaps": ({"cilium"}, 1),
    "daemonsets": ({"daemonsets"}, 1),
    "helmcharts": ({"helmcharts"}, 1),
    "customresourcedefinitions": ({*CRDS}, 1),
}


@pytest.mark.parametrize("resource", RULES)
def test_control_without_a_rule_its_checks_are_left_out(
    resource: str, cluster: Cluster, tmp_path: Path
) -> None:
    args = everything_wrong(cluster)
    rules = [rule for rule in ROLE["rules"] if resource not in rule["resources"]]
    assert len(rules) == len(ROLE["rules"]) - 1
    narrow = user_with(cluster, {**ROLE, "rules": rules}, tmp_path)
    forbidden, lost = RULES[resource]
    found = settled(cluster, narrow, forbidden, tmp_path)
    assert len(findings(found, args)) == 8 - lost
    lines = left_out(found)
    assert len(lines) == len({READS[name].called for name in forbidden})
    assert all("may not read" in line for line in lines)


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_findings_stop_a_run_all_at_once(
    operation: str, cluster: Cluster, program: MakeProgram
) -> None:
    cilium("true")(cluster)
    cluster.apply(daemon_set("nfvpe/multus"))
    added("v1.34.9+k3s1")(cluster)
    checkout = program("dev", cluster, preflight="auto")
    result = run(checkout, operation)
    [warning] = [one for one in result.warnings if "preflight" in one]
    assert warning.startswith("preflight: extra with v1.34.9+k3s1, and multus:cluster.version is")
    head, *lines = one_error(result).splitlines()
    assert head == "preflight of the cluster has 3 findings; nothing was changed."
    assert [line.split()[0] for line in lines] == ["multus:cluster.nodes", "another", "Cilium"]
    cluster.kubectl("delete", "daemonset/ds", "-n", "default")
    assert live.crds(cluster) == set()
    assert live.workloads(cluster) == set()
    # The engine notes which plugin it asked; that is all.
    resources = checkout.state("dev")["deployment"].get("resources", [])
    assert {one["type"] for one in resources} <= {
        "pulumi:pulumi:Stack",
        "pulumi:providers:command",
    }


def run(checkout: Workspace, operation: str) -> Result:
    return checkout.preview("dev") if operation == "preview" else checkout.up("dev")


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
    assert "nodes is single" in one_error(checkout.up("dev"))
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
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    dead = tmp_path / "dead.yaml"
    dead.write_text(yaml.safe_dump(config))
    env = {"KUBECONFIG": str(dead)}
    checkout = program("prod", cluster)
    result = checkout.preview("prod", env=env).check()
    [said] = [one.message for one in result.diagnostics if "preflight" in one.message]
    assert said.startswith("preflight left out: the cluster does not answer: ")
    assert len(said.strip().splitlines()) == 1
    checkout.configure("prod", {"preflight": "required"})
    error = one_error(checkout.preview("prod", env=env))
    assert error.startswith("preflight of the cluster has 1 finding; nothing was changed.\n")
    assert "the cluster does not answer" in error
