"""docs/adopting.md, as it is written: its commands in a shell, from an install by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import IN_CHART, MakeProgram
from tests.engine.program.language_host import install
from tests.engine.program.test_changes import replaced
from tests.stacks.files import ROOT

PAGE: Final = (ROOT / "docs" / "adopting.md").read_text(encoding="utf-8")
LAN: Final[dict[str, Any]] = {
    "name": "lan",
    "type": "macvlan",
    "master": "eth1",
    "ipam": {"type": "host-local", "subnet": "192.168.10.0/24"},
}
BY_HAND: Final = {
    "apiVersion": "k8s.cni.cncf.io/v1",
    "kind": "NetworkAttachmentDefinition",
    "metadata": {"name": "lan", "namespace": "default"},
    "spec": {"config": '{"cniVersion": "1.0.0", "name": "lan", "type": "bridge"}'},
}
FORCE: Final = re.search(r"\$ (PULUMI_K8S_\w+)=(\w+) pulumi up", PAGE)
SHELLS: Final = [one for one in ("sh", "bash", "zsh") if shutil.which(one)]


def commands(section: str) -> list[str]:
    """The commands of a section, in order, with what goes on in the next line."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^ *\$ ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert found
    return found


def shell(name: str, lines: list[str], checkout: Workspace) -> None:
    """Runs them as one session; a CLI that asks nothing and ends with its plugins."""
    text = "\n".join(lines).replace("pulumi import", "pulumi import --yes --non-interactive")
    env = checkout.engine.environment(checkout.env)
    env["PATH"] = os.pathsep.join([str(install(checkout.path / "bin")), env["PATH"]])
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


def helm(tools: Tools, cluster: Cluster, *arguments: str) -> None:
    command = [str(tools.path("helm")), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    subprocess.run([*command, "-n", "kube-system"], check=True, capture_output=True)


@pytest.mark.parametrize("by", SHELLS)
def test_an_install_by_hand_is_taken_over_and_no_network_is_made_anew(
    by: str, cluster: Cluster, program: MakeProgram, repository: Repository, tools: Tools
) -> None:
    helm(tools, cluster, "install", "multus", str(repository.packages[IN_CHART].main))
    cluster.kubectl("wait", "--for=condition=Established", live.NETWORKS_CRD)
    cluster.apply(BY_HAND)
    before = live.uids(cluster)
    checkout = program("dev", cluster, networks=[LAN], adopt=True)

    first = checkout.up("dev")
    assert any("cannot re-use a name that is still in use" in one for one in first.errors)
    assert any("had an apply conflict" in one for one in first.errors), first.errors

    assert checkout.cli("stack", "select", "dev").returncode == 0
    lines = [one for one in commands("Import") if "pulumi up" not in one]
    # The CRDs' own release is for later charts, as the page says.
    shell(by, [one for one in lines if "multus-crds" not in one], checkout)
    cluster.wait_for(lambda: started_in(checkout.path) == [], "the end of the language host", 10)

    assert FORCE is not None
    fourth = checkout.up("dev", env={FORCE[1]: FORCE[2]}).check()
    assert replaced(fourth) == []
    assert live.releases(cluster) == {"multus", "multus-crd"}
    assert live.networks(cluster)["default/lan"]["type"] == "macvlan"

    checkout.configure("dev", {"adopt": None})
    checkout.up("dev").check()
    assert checkout.preview("dev").check().changes == ()
    assert live.uids(cluster) == before


def test_no_command_of_the_page_leans_on_words_being_split() -> None:
    """zsh does not split what a variable holds."""
    for line in commands("Import"):
        assert not re.search(r"(?<![\"={:])\$\w+", line), line
