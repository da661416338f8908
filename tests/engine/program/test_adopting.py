"""docs/adopting.md, as it is written: its commands in a shell, from an install by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import yaml

from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.objects import network
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import IN_CHART, MakeProgram
from tests.engine.program.language_host import install
from tests.engine.program.pages import MULTUS_K3S, commands, page, programs
from tests.engine.program.test_changes import replaced

PAGE: Final = page("adopting.md")
# The values file of K3s's documentation.
BY_THE_PAGE: Final = """
config:
  fullnameOverride: multus
  cni_conf:
    confDir: /var/lib/rancher/k3s/agent/etc/cni/net.d
    binDir: /var/lib/rancher/k3s/data/cni/
    kubeconfig: /var/lib/rancher/k3s/agent/etc/cni/net.d/multus.d/multus.kubeconfig
    multusAutoconfigDir: /var/lib/rancher/k3s/agent/etc/cni/net.d
rke2-whereabouts:
  fullnameOverride: whereabouts
  enabled: true
  cniConf:
    confDir: /var/lib/rancher/k3s/agent/etc/cni/net.d
    binDir: /var/lib/rancher/k3s/data/cni/
"""


BY_HAND: Final = (
    network("lan", '{"cniVersion": "0.3.1",  "type": "bridge", "ipam": {}}'),
    network("wan", '{\n  "type": "macvlan", "cniVersion": "1.0.0", "master": "eth1"\n}\n'),
)
OF_ANOTHER: Final = network("theirs", "{}", labels={"kustomize.toolkit.fluxcd.io/name": "apps"})
FORCE: Final = re.search(r"\$ (PULUMI_K8S_\w+)=(\w+) pulumi up", PAGE)
SHELLS: Final = [one for one in ("sh", "bash", "zsh") if shutil.which(one)]


def shell(name: str, lines: list[str], checkout: Workspace) -> None:
    """Runs them as one session; a CLI that asks nothing and ends with its plugins."""
    text = "\n".join(lines).replace("pulumi import", "pulumi import --yes --non-interactive")
    env = checkout.engine.environment(checkout.env)
    ours = checkout.path / "bin"
    if not ours.exists():
        install(ours)
    programs(ours, {"multus-k3s": MULTUS_K3S})
    env["PATH"] = os.pathsep.join([str(ours), env["PATH"]])
    env["MULTUS"] = str(checkout.engine.tools.path("pulumi"))
    program = shutil.which(name)
    assert program is not None
    done = subprocess.run(
        [program, "-ec", 'pulumi() { "$MULTUS" "$@"; }\n' + text],
        cwd=checkout.path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def started_in(folder: Path) -> list[str]:
    """Commands of live processes with a path in the folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(one.read_text(errors="replace").replace("\0", " "))
    return [one for one in found if f"{folder}/" in one]


@pytest.mark.parametrize("by", SHELLS)
def test_an_install_by_hand_is_taken_over_and_no_network_changes(
    by: str,
    cluster: Cluster,
    program: MakeProgram,
    repository: Repository,
    tools: Tools,
    tmp_path: Path,
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(BY_THE_PAGE)
    package = str(repository.packages[IN_CHART].main)
    live.helm(tools, cluster, "install", "multus", package, "--values", str(values))
    cluster.kubectl("wait", "--for=condition=Established", live.NETWORKS_CRD)
    for one in (*BY_HAND, OF_ANOTHER):
        cluster.apply(one)
    before, texts = live.uids(cluster), _texts(cluster)
    checkout = program("dev", cluster)
    file = checkout.path / "stacks" / "Pulumi.dev.yaml"
    kept = yaml.safe_load(file.read_text())["config"]
    file.unlink()

    first, second, third, *_ = commands(PAGE, "Import")
    assert second == "pulumi up"
    shell(by, [first], checkout)
    written = yaml.safe_load(file.read_text())["config"]
    assert {key: written[f"multus:{key}"] for key in ("ipam", "chart", "namespaceIsolation")} == {
        "ipam": "whereabouts",
        "chart": {"version": IN_CHART},
        "namespaceIsolation": False,
    }
    assert [one["name"] for one in written["multus:networks"]] == ["lan", "wan"]
    checkout.configure("dev", {"chart": kept["multus:chart"]})  # where packages come from

    stopped = checkout.up("dev")
    assert any("cannot re-use a name that is still in use" in one for one in stopped.errors)
    assert checkout.cli("stack", "select", "dev").returncode == 0
    shell(by, [third], checkout)
    cluster.wait_for(lambda: started_in(checkout.path) == [], "the end of the language host", 10)

    preview = checkout.preview("dev").check()
    changed = {one.type.rpartition(":")[2] for one in preview.changes}
    assert "Release" in changed
    assert "NetworkAttachmentDefinition" not in changed
    assert FORCE is not None
    fourth = checkout.up("dev", env={FORCE[1]: FORCE[2]}).check()
    assert replaced(fourth) == []
    checkout.configure("dev", {"adopt": None})
    checkout.up("dev").check()
    assert checkout.preview("dev").check().changes == ()
    assert (live.uids(cluster), _texts(cluster)) == (before, texts)


def _texts(cluster: Cluster) -> dict[str, str]:
    found = cluster.items(live.NETWORKS_CRD.partition("/")[2], "-A")
    return {one["metadata"]["name"]: one["spec"]["config"] for one in found}


def test_no_command_of_the_page_leans_on_words_being_split() -> None:
    """zsh does not split what a variable holds."""
    for line in commands(PAGE, "Import"):
        assert not re.search(r"(?<![\"={:])\$\w+", line), line
