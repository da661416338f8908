"""What Pulumi's users do around a deployment: it works, or one line says why not, at preview."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed.cluster import Cluster
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram, edit, kubeconfig
from tests.engine.program.test_changes import replaced
from tests.engine.program.test_refusals import nothing_was_made, one_error

COMPONENT: Final = "::multus:index:MultusComponent::multus"
IDENTIFIER: Final = 'IDENTIFIER: Final = "multus"'
BY_STACK: Final = 'IDENTIFIER: Final = "multus/" + pulumi.get_stack()'
KEPT: Final = 'ignore_changes=["clusterIdentifier"]'


def test_a_renamed_stack_has_no_change_nor_has_one_that_was_moved(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster, protect=False)
    # Control, and the state of a program that was so: an identifier with the stack's name.
    text = edit(checkout, "components/access.py", {IDENTIFIER: BY_STACK, KEPT: ""})
    checkout.up("prod").check()
    before = live.uids(cluster)
    assert checkout.cli("stack", "rename", "renamed", "--stack", "prod").returncode == 0
    assert len({*replaced(checkout.preview("renamed").check())}) == 5

    (checkout.path / "components/access.py").write_text(text)
    assert checkout.up("renamed").check().changes == ()
    resources = checkout.state("renamed")["deployment"]["resources"]
    [component] = [one["urn"] for one in resources if one["urn"].endswith(COMPONENT)]
    shutil.copy(checkout.stack_file("renamed"), checkout.stack_file("moved"))
    assert checkout.cli("stack", "init", "moved").returncode == 0
    done = checkout.cli(
        *("state", "move", "--yes", "--source", "renamed", "--dest", "moved", component)
    )
    assert done.returncode == 0, done.stderr
    assert checkout.up("moved").check().changes == ()
    assert live.uids(cluster) == before


def test_no_default_provider_is_needed(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster, preflight="required", reconcilerSchedule="*/30 * * * *")
    checkout.configure("prod", {"disable-default-providers": ["*"]}, "pulumi")
    checkout.preview("prod").check()
    checkout.up("prod").check()
    assert live.networks(cluster) != {}


TARGETS: Final = {
    "a network": "$kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition::multus-default.edge",
    "the wait": "$command:local:Command::multus-ready",
    "the release": "$kubernetes:helm.sh/v3:Release::multus-release",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_target_on_a_stack_without_state_is_no_traceback(
    target: str, cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster, protect=False)
    urn = f"urn:pulumi:prod::multus::multus:index:MultusComponent{target}"
    for result in (checkout.preview("prod", target=[urn]), checkout.up("prod", target=[urn])):
        said = [one.message for one in result.diagnostics]
        assert not any("Traceback" in one or "revision" in one for one in said), said
    checkout.up("prod").check()


def test_variables_of_the_provider_that_differ_between_machines_change_nothing(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster, protect=False)
    here = {"PULUMI_K8S_DELETE_UNREACHABLE": "true", "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS": "1"}
    checkout.up("prod", env=here).check()
    assert checkout.preview("prod").check().changes == ()


NO_CLUSTER: Final = "the kubeconfig names no cluster: it is missing or empty, or has no current "
# What is in kubectl's kubeconfig, in the environment or in the stack file besides, and what is said
REFUSED: Final[dict[str, tuple[dict[str, Any], dict[str, str], dict[str, Any], str]]] = {
    "no current context": ({"current-context": None}, {}, {}, NO_CLUSTER),
    "an empty kubeconfig": (
        dict.fromkeys(("current-context", "contexts", "clusters", "users")),
        {},
        {},
        NO_CLUSTER,
    ),
    "a Helm driver": (
        {},
        {"PULUMI_K8S_HELM_DRIVER": "configmap"},
        {},
        'Helm\'s driver is "configmap", but releases are looked for in Secrets alone. Unset ',
    ),
    "no home": ({}, {"KUBECONFIG": "", "HOME": ""}, {}, "HOME is not set, and there is no kube"),
    "a context of the default provider": ({}, {}, {"context": "x"}, "Set multus:context [shape]"),
    "its kubeconfig": ({}, {}, {"kubeconfig": "/x"}, "Set multus:kubeconfig [shape]"),
    "its directory": ({}, {}, {"renderYamlToDirectory": "out"}, "Remove it [shape]"),
}


@pytest.mark.parametrize("operation", ["preview", "up"])
@pytest.mark.parametrize(
    ("changes", "variables", "settings", "says"), REFUSED.values(), ids=REFUSED
)
def test_what_cannot_reach_the_meant_cluster_is_refused_at_preview(
    changes: dict[str, Any],
    variables: dict[str, str],
    settings: dict[str, Any],
    says: str,
    operation: str,
    cluster: Cluster,
    program: MakeProgram,
    tmp_path: Path,
) -> None:
    checkout = program("dev", cluster)
    checkout.configure("dev", settings, "kubernetes")
    env = {"KUBECONFIG": kubeconfig(cluster, tmp_path / "config", **changes)} | variables
    if "HOME" in variables:  # the testbed's own scratch is there, so the program unsets it
        edit(checkout, "__main__.py", {"\nstack =": '\nimport os; del os.environ["HOME"]\nstack ='})
        del env["HOME"]
    run = checkout.preview if operation == "preview" else checkout.up
    assert says in one_error(run("dev", env=env))
    nothing_was_made(checkout, "dev", cluster)


def test_a_credential_plugin_that_is_not_there_is_named_at_preview(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    """After it kubectl prints how to install it, and its last line is a URL."""
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "cloud-login",
        "interactiveMode": "Never",
        "installHint": "Install it:\nhttps://example.com/install",
    }
    [user] = yaml.safe_load(cluster.kubeconfig.read_text())["users"]
    users = [{"name": user["name"], "user": {"exec": plugin}}]
    env = {"KUBECONFIG": kubeconfig(cluster, tmp_path / "config", users=users)}
    checkout = program("prod", cluster, preflight="required")
    error = one_error(checkout.preview("prod", env=env))
    assert "credential plugin fails where Pulumi runs: executable cloud-login not found" in error
    assert "example.com" not in error
