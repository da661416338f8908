"""docs/production.md, as it is written: its commands in a shell, by the two accounts that it makes.

GitHub's `gh` is a stand-in that keeps what it was given, and the state lies in a folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.engine import Engine, Workspace, copy_project
from testbed.tools import ROOT
from tests.engine.program import inline_cli, language_host, live
from tests.engine.program.conftest import IN_CHART, SPLIT, ChartSettings, MakeProgram
from tests.engine.program.pages import MULTUS_K3S, commands, page, programs

PAGE: Final = page("production.md")
GH: Final = '#!/bin/sh\necho "$@" >> gh.log\n[ "$1" != secret ] || cat >> gh.log\n'
ACCOUNTS: Final = ("preview", "deploy")


class Session:
    """The commands of one section after another, in the same folder."""

    def __init__(self, checkout: Workspace, cluster: Cluster) -> None:
        self.checkout = checkout
        self.folder = checkout.path
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        self.server = config["clusters"][0]["cluster"]["server"]
        ours = inline_cli.install(self.folder / "bin", checkout.engine.tools.path("pulumi"))
        programs(ours, {"multus-k3s": MULTUS_K3S, "gh": GH})
        self.path = str(ours)
        shutil.copytree(ROOT / "docs", self.folder / "docs")

    def run(self, lines: list[str], kubeconfig: str = "") -> str:
        env = self.checkout.engine.environment(self.checkout.env)
        env["PATH"] = os.pathsep.join([self.path, env["PATH"]])
        if kubeconfig:
            env["KUBECONFIG"] = str(self.folder / kubeconfig)
        text = "\n".join(lines).replace("https://SERVER:6443", self.server)
        done = subprocess.run(
            ["/bin/sh", "-ec", text.replace("pulumi up", "pulumi up --yes --non-interactive")],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def accounts(self) -> None:
        """Both of the page's accounts, each with its kubeconfig."""
        make, *ones = (commands(PAGE, "Roles")[:2], *commands(PAGE, "Roles")[2:])
        self.run(make)
        for account in ACCOUNTS:
            self.run([one.replace("preview", account) for one in ones])


@pytest.fixture
def session(program: MakeProgram, cluster: Cluster) -> Session:
    return Session(program("prod", cluster), cluster)


def test_the_page_leads_to_a_deployment(session: Session, cluster: Cluster) -> None:
    said = session.run(commands(PAGE, "The stack"))
    assert "no findings" in said
    assert "create" in said
    session.accounts()
    session.run([*commands(PAGE, "The runner"), *commands(PAGE, "Environments")])
    given = (session.folder / "gh.log").read_text()
    assert "variable set RUNNER" in given
    assert (session.folder / "preview.yaml").read_text() in given
    assert "create" in session.run(["pulumi preview --stack prod"], "preview.yaml")
    up, doctor = commands(PAGE, "First deploy")
    session.run([up], "deploy.yaml")
    assert live.releases(cluster) == {"multus", "multus-crd"}
    assert "nothing is wrong" in session.run([doctor])
    assert "nothing" in session.run(["multus-k3s drift prod"], "deploy.yaml")


def test_the_deploying_account_can_do_all_of_a_stacks_life_and_no_more(
    program: MakeProgram, cluster: Cluster, chart: ChartSettings
) -> None:
    lan = {"name": "lan", "namespace": "plant", "type": "macvlan", "master": "eth1"}
    settings = {"networks": [lan], "createNamespaces": True, "additionalIpam": ["dhcp"]}
    checkout = program("prod", cluster, chart=chart(IN_CHART), protect=False, **settings)
    session = Session(checkout, cluster)
    session.accounts()
    env = {"KUBECONFIG": str(session.folder / "deploy.yaml")}
    checkout.up("prod", env=env).check()
    checkout.configure("prod", {"chart": chart(SPLIT), "networks": [{**lan, "mtu": 1400}]})
    checkout.up("prod", env=env).check()
    checkout.configure("prod", {"repair": "once"})
    checkout.up("prod", env=env).check()
    checkout.destroy("prod", env=env).check()
    assert live.releases(cluster) == set()
    for what in ("get secrets", "create deployments", "delete crds", "escalate clusterroles"):
        asked = f"kubectl auth can-i {what} --namespace default || true"
        assert session.run([asked], "deploy.yaml") == "no\n", what


def test_the_reading_account_cannot_deploy(session: Session) -> None:
    session.accounts()
    kubeconfig = str(session.folder / "preview.yaml")
    refused = session.checkout.up("prod", env={"KUBECONFIG": kubeconfig})
    assert any("orbidden" in one for one in refused.errors)


def test_a_copy_by_pulumi_new_is_the_repository(engine: Engine, tmp_path: Path) -> None:
    """The files are the repository's, and Pulumi.yaml has the same settings."""
    source = tmp_path / "source"
    copy_project(ROOT, source)
    programs(tmp_path / "bin", {})
    language_host.install(tmp_path / "host")
    [line] = commands(PAGE, "The project")
    command = line.replace("https://github.com/OWNER/REPOSITORY", str(source)).split()
    assert command[:2] == ["pulumi", "new"]
    made = Workspace(engine, tmp_path, {"PATH": f"{tmp_path / 'host'}:{os.environ['PATH']}"})
    done = made.cli(*command[1:], "--generate-only", "--offline", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    project = yaml.safe_load((source / "Pulumi.yaml").read_text())
    copied = yaml.safe_load((tmp_path / "multus" / "Pulumi.yaml").read_text())
    assert "docs/production.md" in project.pop("template")["quickstart"]
    copied["config"].pop("pulumi:tags")  # which says what it was copied from
    assert copied == project
    for file in source.rglob("*"):
        if file.is_file() and file.name != "Pulumi.yaml":
            other = tmp_path / "multus" / file.relative_to(source)
            assert other.read_bytes() == file.read_bytes(), file


def test_a_folder_that_is_there_keeps_the_state(engine: Engine, tmp_path: Path) -> None:
    [command] = re.findall(r"`pulumi (login file://\S+)`", PAGE)
    (tmp_path / "srv").mkdir()
    made = Workspace(engine, tmp_path, {"PULUMI_BACKEND_URL": ""})
    done = made.cli(*command.replace("/srv/multus", str(tmp_path / "srv")).split())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "srv" / ".pulumi").is_dir()
