"""A secret in the stack's config is in clear nowhere: state, outputs, logs, errors."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import yaml

from testbed.cluster import Cluster
from testbed.engine import Workspace
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram, edit

CANARY = "canary-6f1d2b"
AROUND = "canary-0c9a4e"


def set_secret(checkout: Workspace, path: str) -> None:
    assert checkout.cli("stack", "init", "dev").returncode == 0
    done = checkout.cli("config", "set", "--secret", "--path", path, CANARY, "--stack", "dev")
    assert done.returncode == 0, done.stderr


def test_a_secret_helm_value_and_what_is_in_the_environment(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    """Neither is in what is said, in the plan or in clear in the state."""
    checkout = program("dev", cluster)
    set_secret(checkout, "multus:extraValues.image.tag")
    around, plan = {"REGISTRY_TOKEN": AROUND}, tmp_path / "plan.json"
    preview = checkout.preview("dev", diff=True, env=around, plan=str(plan)).check()
    assert "multus-release" in plan.read_text()
    up = checkout.up("dev", env=around).check()
    assert up.outputs["values"]["image"] == {"tag": CANARY}
    assert "values" in up.secret_outputs
    said = preview.stdout + preview.stderr + up.stdout + up.stderr
    kept = json.dumps(checkout.state("dev")) + plan.read_text()
    assert CANARY not in said + kept
    assert AROUND not in said + kept + json.dumps(checkout.state("dev", show_secrets=True))
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


def on_a_k3s_server(checkout: Workspace, file: Path) -> None:
    """K3s's file is elsewhere in this checkout, and there is no other kubeconfig."""
    for name in ("kubeconfig.py", "cluster_tasks/kubectl.py"):
        edit(checkout, f"components/{name}", {"/etc/rancher/k3s/k3s.yaml": str(file)})


def test_on_a_k3s_server_the_state_has_its_files_path_and_nothing_of_it(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    """As root without KUBECONFIG; K3s then renews its certificates and gets another address."""
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    user, place = content["users"][0]["user"], content["clusters"][0]["cluster"]
    secrets = [user["client-key-data"], user["client-certificate-data"]]
    assert min(map(len, secrets)) > 100
    file = tmp_path / "k3s.yaml"
    file.write_text(yaml.safe_dump(content))
    checkout = program("dev")
    on_a_k3s_server(checkout, file)
    ambient = {"KUBECONFIG": "", "TMPDIR": str(tmp_path)}  # for what the provider leaves

    first = checkout.up("dev", env=ambient).check()
    before = live.uids(cluster)
    state = checkout.state("dev", show_secrets=True)["deployment"]["resources"]
    [provider] = [one for one in state if one["type"] == "pulumi:providers:kubernetes"]
    assert provider["inputs"]["kubeconfig"] == str(file)

    # Other bytes of the same worth: the cluster's authority is not here to sign new ones.
    for key in ("client-key-data", "client-certificate-data"):
        user[key] = base64.b64encode(base64.b64decode(user[key]) + b"\n").decode()
        secrets.append(user[key])
    content["users"][0]["name"] = content["contexts"][0]["context"]["user"] = "renewed"
    assert "127.0.0.1" in place["server"]
    place["server"] = place["server"].replace("127.0.0.1", "localhost")
    file.write_text(yaml.safe_dump(content))
    again = checkout.up("dev", env=ambient).check()
    assert again.changes == ()

    networks = yaml.safe_load(checkout.stack_file("dev").read_text())["config"]["multus:networks"]
    networks[0]["mtu"] = 1400
    checkout.configure("dev", {"networks": networks})
    changed = checkout.up("dev", env=ambient).check()
    assert [step.op for step in changed.changes] == ["update"]
    assert live.uids(cluster) == before
    said = "".join(one.stdout + one.stderr for one in (first, again, changed))
    state_text = json.dumps(checkout.state("dev", show_secrets=True))
    for secret in secrets:
        assert secret not in said + state_text
