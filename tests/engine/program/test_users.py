"""What Pulumi's users do around a deployment: it works, or one line says why not, at preview."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.engine import Workspace
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
    there = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true", "PULUMI_K8S_HELM_DRIVER": "secrets"}
    checkout.up("prod", env=here).check()
    for other in ({}, there):
        assert checkout.preview("prod", env=other).check().changes == ()


NOBODY: Final = """
import os, pwd

def nobody(_):
    raise KeyError("no such user")

os.environ.pop("HOME", None)
os.getuid, pwd.getpwuid = (lambda: 4711), nobody
"""


def test_a_user_without_home_and_name_can_deploy(cluster: Cluster, program: MakeProgram) -> None:
    """As containers have: KUBECONFIG says which cluster, and nothing else is asked."""
    checkout = program("prod", cluster, preflight="required", protect=False)
    edit(checkout, "__main__.py", {"\nimport pulumi\n": f"\nimport pulumi\n{NOBODY}"})
    checkout.up("prod").check()
    assert live.networks(cluster) != {}


NO_CLUSTER: Final = "the kubeconfig names no cluster: it is missing or empty, or has no current "
MADE: Final = '    "multus", stack.args, access=stack.access, secret_values=stack.secret_values\n'
PROVIDERS: Final = ("pulumi:providers:kubernetes", "pulumi:providers:pulumi")
# A program with a provider of its own.
RENDERS: Final = {
    MADE: '    "multus", stack.args, opts=pulumi.ResourceOptions(provider=own)\n',
    "multus = ": 'own = Provider("own", render_yaml_to_directory="out")\nmultus = ',
    "import pulumi\n": "import pulumi\nfrom pulumi_kubernetes import Provider\n",
}


def refused(checkout: Workspace, env: Mapping[str, str], says: str) -> None:
    """At preview, and by an `up` that nobody previewed."""
    for run in (checkout.preview, checkout.up):
        assert says in one_error(run("dev", env=env))


def test_a_kubeconfig_that_reaches_no_cluster_is_refused_at_preview(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    checkout = program("dev", cluster)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    del config["current-context"]
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    refused(checkout, {"KUBECONFIG": str(file)}, NO_CLUSTER)
    nothing_was_made(checkout, "dev", cluster)


def test_a_provider_that_renders_to_files_is_refused_at_preview(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("dev", cluster)
    edit(checkout, "__main__.py", RENDERS)
    # The provider takes a kubeconfig from there, and refuses it beside the directory by itself.
    says = "the Kubernetes provider renders to files (renderYamlToDirectory), but "
    refused(checkout, {"KUBECONFIG": ""}, says)
    nothing_was_made(checkout, "dev", cluster, beside=PROVIDERS)


def test_of_two_on_one_cluster_the_second_makes_nothing(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("dev", cluster)
    second = '\nMultusComponent("second", stack.args)\n'
    edit(checkout, "__main__.py", {'\npulumi.export("release': f'{second}\npulumi.export("release'})
    says = 'the component "second" deploys Multus to '
    assert says in one_error(checkout.preview("dev"))
    nothing_was_made(checkout, "dev", cluster)
    assert says in one_error(checkout.up("dev"))  # by then the first is on its way
    resources = checkout.state("dev")["deployment"]["resources"]
    assert [one["urn"] for one in resources if "::second" in one["urn"]] == []


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
