"""A secret in the stack's config is in clear nowhere: state, outputs, logs, errors."""

from __future__ import annotations

import json

from testbed.cluster import Cluster
from testbed.engine import Workspace
from tests.engine.program.conftest import MakeProgram

CANARY = "canary-6f1d2b"


def set_secret(checkout: Workspace, path: str) -> None:
    assert checkout.cli("stack", "init", "dev").returncode == 0
    done = checkout.cli("config", "set", "--secret", "--path", path, CANARY, "--stack", "dev")
    assert done.returncode == 0, done.stderr


def test_a_secret_helm_value(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("dev", cluster)
    set_secret(checkout, "multus:extraValues.image.tag")
    preview = checkout.preview("dev", diff=True).check()
    up = checkout.up("dev").check()
    assert up.outputs["values"]["image"] == {"tag": CANARY}
    assert "values" in up.secret_outputs
    said = preview.stdout + preview.stderr + up.stdout + up.stderr
    assert CANARY not in said
    assert CANARY not in json.dumps(checkout.state("dev"))
    image = cluster.kubectl_json("get", "daemonset/multus", "-n", "kube-system")
    assert CANARY in json.dumps(image)  # it did reach the chart


def test_a_fault_in_a_secret_setting_does_not_print_it(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("dev", cluster)
    set_secret(checkout, "multus:extraValues.config.cni_conf.confDir")
    result = checkout.up("dev")
    assert not result.ok
    assert any('confDir is "[secret]", but' in error for error in result.errors)
    assert CANARY not in result.stdout + result.stderr


def test_a_kubeconfig_in_clear_is_refused(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("dev", cluster, kubeconfig=CANARY)
    result = checkout.up("dev")
    assert not result.ok
    assert any("multus:kubeconfig is in clear" in error for error in result.errors)
