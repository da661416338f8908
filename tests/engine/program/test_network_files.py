"""Networks in files, deployed by the real engine: more of them than a stack's config can hold."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.cli.check import RunsOn, check_file
from components.findings import Severity
from testbed.cluster import Cluster
from testbed.objects import network
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.test_networks_only import install
from tests.engine.program.test_refusals import one_error

TYPE: Final = "kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition"
CONFIG: Final = {"cniVersion": "0.3.1", "name": "own", "type": "macvlan", "master": "eth9"}
MANIFEST: Final = network("by-hand", json.dumps(CONFIG), labels={"team": "a"})


def networks(number: int) -> list[dict[str, Any]]:
    ipam = {"type": "whereabouts"}
    return [
        {
            "name": f"lan-{n}",
            "type": "macvlan",
            "master": f"eth1.{n}",
            "ipam": {**ipam, "range": f"172.{16 + n // 256}.{n % 256}.0/24"},
        }
        for n in range(number)
    ]


def write(folder: Path, *files: object) -> None:
    (folder / "networks").mkdir()
    for index, one in enumerate(files):
        (folder / "networks" / f"{index}.yaml").write_text(yaml.safe_dump(one))


def test_two_thousand_networks_are_previewed(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster, networks=None, networkFiles=["networks/*.yaml"])
    found = networks(2000)
    write(checkout.path, *(found[part::4] for part in range(4)))
    result = checkout.preview("prod", timeout=900.0).check()
    assert sum(step.type == TYPE for step in result.steps) == 2000


def test_control_one_environment_variable_cannot_hold_them() -> None:
    """By which the CLI hands a stack's config to the language host: PULUMI_CONFIG."""
    config = json.dumps({"multus:networks": json.dumps(networks(2000))})
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["/bin/true"], env={"PULUMI_CONFIG": config}, check=False)


def test_a_manifest_is_deployed_as_it_is(cluster: Cluster, program: MakeProgram) -> None:
    files = ["networks/*.yaml"]
    checkout = program("prod", cluster, protect=False, networks=None, networkFiles=files)
    write(checkout.path, MANIFEST, networks(1))
    checkout.up("prod").check()
    found = cluster.kubectl_json("get", f"{live.NETWORKS}/by-hand", "-n", "default")
    assert json.loads(found["spec"]["config"]) == CONFIG
    assert found["metadata"]["labels"]["team"] == "a"
    assert live.networks(cluster).keys() == {"default/by-hand", "default/lan-0"}


MANIFESTS: Final[dict[str, dict[str, str]]] = yaml.safe_load(
    Path(__file__).with_name("manifests.yaml").read_text()
)


def test_preflight_names_file_and_line(cluster: Cluster, program: MakeProgram) -> None:
    checkout = program("prod", cluster, networks=None, networkFiles=["networks/*.yaml"])
    elsewhere = {**MANIFEST, "metadata": {"name": "by-hand", "namespace": "nowhere"}}
    write(checkout.path, networks(1), elsewhere)
    error = one_error(checkout.preview("prod"))
    assert "networks/1.yaml:5: error: nowhere/by-hand.metadata.namespace " in error
    assert "[namespace-missing]" in error


def test_a_manifest_is_refused_where_kubectl_refuses_it(cluster: Cluster, tmp_path: Path) -> None:
    install(cluster, "network-attachment-definitions")
    file = tmp_path / "a.yaml"
    wrong = {}
    for expected, texts in MANIFESTS.items():
        for name, text in texts.items():
            file.write_text(text.replace("CONFIG", json.dumps(CONFIG)))
            found = check_file(str(file), RunsOn({})).findings
            ours = [str(one) for one in found if one.severity is Severity.ERROR]
            done = cluster.try_kubectl("apply", "--dry-run=server", "-f", str(file))
            if bool(ours) != (expected == "refused") or bool(done.returncode) != bool(ours):
                wrong[name] = (ours, done.stderr)
    assert wrong == {}
