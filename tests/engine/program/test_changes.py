"""What a change of the stack file, the kubeconfig or the chart does to what is live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.results import Result
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings, MakeProgram, edit

WHEREABOUTS = {"type": "whereabouts", "range": "192.168.20.0/24", "gateway": "192.168.20.1"}
DHCP = {"type": "dhcp"}
HANDOVER = "components/cluster_tasks/crd_handover.py"
FIRST_RUN = 'if not environment.get("PULUMI_COMMAND_STDOUT"):'


def storage(ipam: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "storage", "type": "macvlan", "master": "eth1", "ipam": ipam}]


def replaced(result: Result) -> list[str]:
    return [step.name for step in result.changes if "replace" in step.op or "delete" in step.op]


def test_one_changed_network_updates_one_resource(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    before = live.uids(cluster)
    file = checkout.stack_file("prod")
    text = file.read_text()
    networks = yaml.safe_load(text)["config"]["multus:networks"]
    networks[0]["mtu"] = 1500
    checkout.configure("prod", {"networks": networks})

    preview = checkout.preview("prod").check()
    assert [(step.op, step.name) for step in preview.changes] == [
        ("update", "multus-default.storage")
    ]
    up = checkout.up("prod").check()
    assert [(step.op, step.name) for step in up.changes] == [("update", "multus-default.storage")]
    assert live.networks(cluster)["default/storage"]["mtu"] == 1500
    assert live.uids(cluster) == before


def test_a_removed_network_goes_alone_also_where_the_stack_is_protected(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    networks = yaml.safe_load(checkout.stack_file("prod").read_text())["config"]["multus:networks"]
    checkout.configure("prod", {"networks": networks[:1]})
    assert replaced(checkout.up("prod").check()) == ["multus-default.edge"]
    assert set(live.networks(cluster)) == {"default/storage"}


def test_switching_ipam_updates_in_place(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster, ipam="dhcp", networks=storage(DHCP))
    checkout.up("prod").check()
    before = live.uids(cluster)
    assert "DaemonSet/multus-dhcp" in live.workloads(cluster)

    checkout.configure("prod", {"ipam": "whereabouts", "networks": storage(WHEREABOUTS)})
    result = checkout.up("prod").check()
    assert replaced(result) == []
    assert live.uids(cluster) == before
    assert live.networks(cluster)["default/storage"]["ipam"]["type"] == "whereabouts"
    assert live.workloads(cluster) == {
        "DaemonSet/multus",
        "DaemonSet/whereabouts",
        "Deployment/whereabouts-reconciler",
    }
    assert "ippools.whereabouts.cni.cncf.io" in live.crds(cluster)


def test_a_new_kubeconfig_or_address_replaces_nothing(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    checkout = program("dev", cluster)
    checkout.up("dev").check()
    before = live.uids(cluster)

    config = yaml.safe_load(cluster.kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]["server"]
    assert "127.0.0.1" in server
    config["clusters"][0]["cluster"]["server"] = server.replace("127.0.0.1", "localhost")
    for kind in ("clusters", "users", "contexts"):
        config[kind][0]["name"] = "moved"
    config["contexts"][0]["context"] = {"cluster": "moved", "user": "moved"}
    config["current-context"] = "moved"
    moved = tmp_path / "moved.yaml"
    moved.write_text(yaml.safe_dump(config))

    result = checkout.up("dev", env={"KUBECONFIG": str(moved)}).check()
    assert replaced(result) == []
    assert live.uids(cluster) == before


def test_a_kubeconfig_of_the_stack_is_secret_and_rotates_in_place(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    checkout = program("dev", cluster)
    content = cluster.kubeconfig.read_text()
    canary = yaml.safe_load(content)["users"][0]["user"]["client-key-data"]
    assert len(canary) > 100
    # The temporary files are for what the provider leaves.
    env = {"KUBECONFIG": "/nowhere/at-all", "TMPDIR": str(tmp_path)}
    assert checkout.cli("stack", "init", "dev", env=env).returncode == 0
    set_secret(checkout, content, env)
    first = checkout.up("dev", env=env).check()
    before = live.uids(cluster)
    set_secret(checkout, content + "\n# rotated\n", env)
    second = checkout.up("dev", env=env).check()
    assert replaced(second) == []
    assert live.uids(cluster) == before
    said = first.stdout + first.stderr + second.stdout + second.stderr
    assert canary not in said + json.dumps(checkout.state("dev"))
    # Control: it is there, encrypted.
    assert canary in json.dumps(checkout.state("dev", show_secrets=True))


def set_secret(checkout: Workspace, content: str, env: dict[str, str], stack: str = "dev") -> None:
    done = checkout.cli(
        "config", "set", "multus:kubeconfig", content, "--secret", "--stack", stack, env=env
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("old", "new"), [(IN_CHART, SPLIT), (SPLIT, IN_CHART)], ids=["upgrade", "downgrade"]
)
def test_the_move_of_the_crds_keeps_every_network(
    old: str, new: str, cluster: Cluster, program: MakeProgram, chart: ChartSettings
) -> None:
    checkout = program("prod", cluster, chart=chart(old))
    checkout.configure("prod", {"protect": False})
    checkout.up("prod").check()
    before = live.uids(cluster)
    assert len(before) == 3

    checkout.configure("prod", {"chart": chart(new)})
    checkout.up("prod").check()
    assert live.uids(cluster) == before
    assert live.releases(cluster) == ({"multus", "multus-crd"} if new == SPLIT else {"multus"})
    assert checkout.preview("prod").check().changes == ()


def test_control_without_the_hand_over_the_move_fails(
    cluster: Cluster, program: MakeProgram, chart: ChartSettings
) -> None:
    checkout = program("dev", cluster, chart=chart(IN_CHART))
    checkout.up("dev").check()
    edit(checkout, HANDOVER, {"    main(hand_over)": '    print("left out")'})

    checkout.configure("dev", {"chart": chart(SPLIT)})
    result = checkout.up("dev")
    assert not result.ok
    assert any("invalid ownership metadata" in error for error in result.errors)


def test_a_kept_history_is_named_as_what_it_is_and_helm_indeed_refuses_it(
    cluster: Cluster, program: MakeProgram, tools: Tools, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Chart.yaml").write_text("apiVersion: v2\nname: rke2-multus\nversion: 4.2.311\n")

    live.helm(tools, cluster, "install", "multus", str(other))
    checkout = program("dev", cluster)
    [error] = [error for error in checkout.up("dev").errors if "Helm release" in error]
    assert "Helm release multus is in kube-system already (deployed, revision 1, chart " in error
    assert "chart rke2-multus 4.2.311, 20" in error

    live.helm(tools, cluster, "uninstall", "multus", "--keep-history")
    refused = checkout.up("dev")
    assert any("is uninstalled, but its history was kept" in error for error in refused.errors)
    assert live.releases(cluster) == set()

    # Control: without the refusal Helm stops half-way.
    text = edit(checkout, HANDOVER, {FIRST_RUN: "if False:"})
    assert any("cannot re-use a name" in error for error in checkout.up("dev").errors)
    (checkout.path / HANDOVER).write_text(text)

    live.helm(tools, cluster, "uninstall", "multus")
    checkout.up("dev").check()
    assert live.releases(cluster) == {"multus", "multus-crd"}


def test_destroy_of_a_protected_stack_takes_nothing(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster)
    checkout.up("prod").check()
    before, workloads = live.uids(cluster), live.workloads(cluster)
    result = checkout.destroy("prod")
    assert not result.ok
    assert any("protect" in error for error in result.errors)
    assert live.uids(cluster) == before
    assert live.workloads(cluster) == workloads


def test_nor_where_the_pods_have_never_been_ready(tools: Tools, program: MakeProgram) -> None:
    with Cluster.start(tools) as empty:
        checkout = program("prod", empty, timeout=10)
        assert not checkout.up("prod").ok
        before = live.uids(empty)
        assert len(before) == 3
        assert not checkout.destroy("prod").ok
        assert live.uids(empty) == before


def test_control_with_the_releases_alone_protected_destroy_takes_the_networks(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster)
    edit(
        checkout, "components/multus.py", {"*declared, protect=args.protect or None)": "*declared)"}
    )
    checkout.up("prod").check()
    assert not checkout.destroy("prod").ok
    assert live.networks(cluster) == {}


def test_namespaces_are_made_where_missing_and_stay(cluster: Cluster, program: MakeProgram) -> None:
    networks = [
        {"name": "a", "namespace": "edge-a", "type": "bridge", "bridge": "br-a"},
        {"name": "b", "namespace": "edge-b", "type": "bridge", "bridge": "br-b"},
    ]
    cluster.kubectl("create", "namespace", "edge-b")
    checkout = program("dev", cluster, networks=networks, createNamespaces=True)
    checkout.up("dev").check()
    assert set(live.networks(cluster)) == {"edge-a/a", "edge-b/b"}
    checkout.destroy("dev").check()
    names = {item["metadata"]["name"] for item in cluster.items("namespaces")}
    assert {"edge-a", "edge-b"} <= names
