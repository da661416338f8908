"""`multus-k3s plan` by the real engine on a real API server, as its reader sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cluster_tasks.attachments import NETWORKS, STATUS
from testbed import objects
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import (
    IN_CHART,
    SPLIT,
    ChartSettings,
    MakeProgram,
    edit,
    kubeconfig,
)
from tests.engine.program.inline_cli import install
from tests.stacks.files import ROOT

Run = Callable[..., tuple[int, str]]
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(tools: Tools, tmp_path: Path) -> Cli:
    """A command in a checkout, with a `pulumi` on PATH that runs its program."""
    folder = install(tmp_path / "cli", tools.path("pulumi"))

    def run(
        checkout: Workspace, *command: str, text: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        found = {**checkout.engine.environment(checkout.env), **env}
        found["PATH"] = os.pathsep.join((str(folder), found["PATH"]))
        return subprocess.run(
            command,
            cwd=checkout.path,
            env=found,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def plan(cli: Cli) -> Run:
    """Exit status, and what is printed."""

    def run(
        checkout: Workspace, *options: str, stack: str = "prod", **given: str
    ) -> tuple[int, str]:
        command = (sys.executable, "-m", "components.cli", "plan", stack, *options)
        done = cli(checkout, *command, **given)
        lines = [one.rstrip() for one in (done.stdout + done.stderr).splitlines()]
        return done.returncode, "\n".join(lines)

    return run


@pytest.fixture
def pod(cluster: Cluster) -> Iterator[Callable[[str, str], None]]:
    """Makes a pod with an address of default/storage, as Multus notes it."""
    made: list[str] = []

    def make(name: str, address: str) -> None:
        status = f'[{{"name": "default/storage", "interface": "net1", "ips": ["{address}"]}}]'
        notes = {NETWORKS: "default/storage", STATUS: status}
        spec = {**objects.ONE, "nodeName": "node-1"}
        cluster.apply(objects.pod(name, "default", spec, annotations=notes))
        made.append(name)

    yield make
    cluster.kubectl("delete", "pods", "--force", "--grace-period=0", "--ignore-not-found", *made)


def networks(checkout: Workspace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(checkout.stack_file("prod").read_text())["config"][
        "multus:networks"
    ]
    return found


def test_a_change_is_in_the_stack_files_words_with_the_pods_that_it_concerns(
    cluster: Cluster, program: MakeProgram, plan: Run, pod: Callable[[str, str], None]
) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    pod("inside", "192.168.20.60")
    pod("outside", "192.168.20.150")
    assert plan(checkout) == (0, "prod: nothing changes")

    before = networks(checkout)
    before[0]["ipam"]["rangeEnd"] = "192.168.20.99"
    checkout.configure("prod", {"networks": before})
    status, text = plan(checkout, "--gate")
    for page in ("README.md", "docs/review.md"):
        shown = f"```console\n$ multus-k3s plan prod\n{text}\n```"
        assert shown in (ROOT / page).read_text(encoding="utf-8")
    assert (status, text.splitlines()) == (
        0,
        [
            "prod: 0 replaced, 0 deleted, 1 updated",
            "network          field          old  new",
            'default/storage  ipam.rangeEnd  -    "192.168.20.99"',
            "  - default/storage loses addresses: 155 (192.168.20.100 to 192.168.20.254)",
            "What to mind:",
            "  - 2 pods of default/storage keep old addresses until restarted, "
            "1 outside the new range: default/outside (192.168.20.150)",
            "Manifests that change: (--diff shows them)",
            "  NetworkAttachmentDefinition default/storage",
            "The engine's steps: (--diff shows them)",
            "  update NetworkAttachmentDefinition multus-default.storage",
        ],
    )
    _, text = plan(checkout, "--markdown")
    assert text.startswith("### prod: 0 replaced, 0 deleted, 1 updated\n")
    assert '| `default/storage` | `ipam.rangeEnd` | `-` | `"192.168.20.99"` |' in text
    assert '+        "range_end": "192.168.20.99",' in text


def test_a_deletion_comes_first_and_passes_the_gate_only_by_permission(
    cluster: Cluster, program: MakeProgram, plan: Run, pod: Callable[[str, str], None]
) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    pod("inside", "192.168.20.60")
    checkout.configure("prod", {"networks": networks(checkout)[1:]})
    status, text = plan(checkout, "--gate")
    assert (status, text.splitlines()[:6]) == (
        1,
        [
            "prod: 0 replaced, 1 deleted",
            "  - delete NetworkAttachmentDefinition multus-default.storage",
            "network          field   old                     new",
            "default/storage  delete  macvlan, 205 addresses  -",
            "What to mind:",
            "  - default/storage is deleted: a pod that asks for it does not start any more. "
            "1 pod has it now: default/inside",
        ],
    )
    assert plan(checkout, "--gate", MULTUS_ALLOW_DELETIONS="true") == (0, text)
    assert plan(checkout) == (0, text)


def test_an_upgrade_says_what_restarts_and_which_manifests_change(
    cluster: Cluster, program: MakeProgram, plan: Run, chart: ChartSettings
) -> None:
    checkout = program("prod", cluster, chart=chart(IN_CHART))
    checkout.up("prod").check()
    checkout.configure("prod", {"chart": chart(SPLIT)})
    status, text = plan(checkout, "--diff")
    assert status == 0
    assert text.splitlines()[:5] == [
        "prod: 0 replaced, 0 deleted, 1 created, 4 updated",
        "What to mind:",
        "  - Multus restarts on every node, one at a time. Pods that start meanwhile wait for it",
        "  - DaemonSet kube-system/whereabouts restarts on every node, one at a time",
        "  - Deployment kube-system/whereabouts-reconciler restarts",
    ]
    assert "  DaemonSet kube-system/multus\n" in text
    assert "NetworkAttachmentDefinition" not in text
    assert "  update Release multus-release\n    properties: chart, version\n" in text

    (checkout.engine.root / "bin" / "helm").unlink()
    status, text = plan(checkout, "--gate")
    assert status == 0
    assert text.splitlines()[0] == (
        "prod: incomplete. The charts' manifests were not compared, for helm is not on PATH. "
        "0 replaced, 0 deleted, 1 created, 4 updated"
    )
    assert "  - Multus and its daemons may restart on every node. Pods that" in text


def test_a_replacement_of_preview_json_from_standard_input(
    cluster: Cluster,
    program: MakeProgram,
    plan: Run,
    cli: Cli,
) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    resources = checkout.state("prod")["deployment"]["resources"]
    [urn] = [one["urn"] for one in resources if one["urn"].endswith("default.storage")]
    done = cli(
        checkout,
        *("pulumi", "preview", "--stack=prod", "--json", f"--replace={urn}", "--non-interactive"),
    )
    assert done.returncode == 0, done.stderr
    status, text = plan(checkout, "--gate", "--from=-", text=done.stdout)
    assert status == 1
    assert text.startswith(
        "prod: 1 replaced, 0 deleted\n"
        "  - replace NetworkAttachmentDefinition multus-default.storage\n"
    )
    assert "storage is replaced: pods that start while it is gone do not come up" in text


def test_a_preview_that_fails_is_its_findings_and_nothing_else(
    cluster: Cluster, program: MakeProgram, plan: Run
) -> None:
    faulty = [{"name": "lan", "type": "macvlan", "ipam": {"type": "whereabouts", "range": "x"}}]
    checkout = program("prod", cluster, networks=faulty)
    assert checkout.cli("stack", "init", "prod").returncode == 0
    status, text = plan(checkout)
    head, *lines = text.splitlines()
    assert status == 1
    assert head.startswith("prod: no plan. stacks/Pulumi.prod.yaml cannot be deployed; nothing was")
    assert lines
    assert all(one.startswith("  - stacks/Pulumi.prod.yaml:") for one in lines)


def test_a_cluster_that_does_not_answer_is_said_first_and_fails_the_gate(
    cluster: Cluster, program: MakeProgram, plan: Run, tmp_path: Path
) -> None:
    checkout = program("prod", cluster)
    assert checkout.cli("stack", "init", "prod").returncode == 0
    env = {"KUBECONFIG": kubeconfig(cluster, tmp_path / "x", server="https://127.0.0.1:9")}
    status, text = plan(checkout, "--gate", **env)
    assert status == 1
    assert text.startswith("prod: incomplete. Pods were not looked at, for the cluster does not")
    assert "default/storage  create  -    macvlan, 205 addresses" in text
    checkout.configure("prod", {"preflight": "off"})
    assert plan(checkout, "--gate", **env)[0] == 0


BAD = {
    "no stack in the state": ({}, "no stack named 'prod' found. Make it: pulumi stack init prod"),
    "no login": ({"PULUMI_BACKEND_URL": ""}, "PULUMI_ACCESS_TOKEN must be set"),
    "no network": (
        {"PULUMI_BACKEND_URL": "https://127.0.0.1:9", "PULUMI_ACCESS_TOKEN": "x"},
        "127.0.0.1:9",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_surroundings_are_one_line(name: str, program: MakeProgram, plan: Run) -> None:
    env, said = BAD[name]
    status, text = plan(program("prod"), **env)
    assert (status, text.count("\n")) == (2, 0)
    assert text.startswith("error: pulumi preview: ")
    assert said in text


def test_a_wrong_passphrase_is_one_line(program: MakeProgram, plan: Run) -> None:
    checkout = program("prod")
    assert checkout.cli("stack", "init", "prod").returncode == 0
    status, text = plan(checkout, PULUMI_CONFIG_PASSPHRASE="wrong")
    assert (status, text.count("\n")) == (2, 0)
    assert text.endswith("incorrect passphrase")


def test_up_is_held_to_the_plan_that_was_saved(
    cluster: Cluster,
    program: MakeProgram,
    plan: Run,
    cli: Cli,
    tmp_path: Path,
) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    before = networks(checkout)
    changed = [{**before[0], "mtu": 1500}, before[1]]
    checkout.configure("prod", {"networks": changed})
    file = tmp_path / "up.json"
    assert plan(checkout, f"--save-plan={file}")[0] == 0
    up = ("pulumi", "up", "--stack=prod", f"--plan={file}", "--yes", "--skip-preview")

    checkout.configure("prod", {"networks": changed[:1]})  # merged since
    done = cli(checkout, *up, "--non-interactive")
    assert done.returncode != 0
    assert "violates plan" in done.stdout + done.stderr
    assert set(live.networks(cluster)) == {"default/storage", "default/edge"}

    checkout.configure("prod", {"networks": changed})
    done = cli(checkout, *up, "--non-interactive")
    assert done.returncode == 0, done.stdout + done.stderr
    assert live.networks(cluster)["default/storage"]["mtu"] == 1500


def test_up_asks_the_engine_for_nothing_that_its_plan_has_not(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    checkout = program("prod", cluster)
    file = str(tmp_path / "up.json")
    # Control: where up alone asks for the stack's state, its plan has no provider to ask.
    begin = "    try:\n        asked ="
    before = f"    if pulumi.runtime.is_dry_run():\n        return OwnState()\n{begin}"
    edit(checkout, "components/engine/asking.py", {begin: before})
    checkout.preview("prod", plan=file).check()
    assert "create is not allowed by the plan" in str(checkout.up("prod", plan=file).errors)

    edit(checkout, "components/engine/asking.py", {before: begin})
    checkout.preview("prod", plan=file).check()
    checkout.up("prod", plan=file).check()
