"""docs/sites.md on the engine: sites that share their settings are previewed and deployed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any, Final

import pytest
import yaml

from testbed.cluster import Cluster
from tests.engine.conftest import MakeWorkspace
from tests.engine.program import live
from tests.engine.program.conftest import TIMEOUT_SECONDS, ChartSettings
from tests.engine.program.pages import commands, page, programs
from tests.unit.test_sites import SITES, write

PAGE: Final = page("sites.md")


def test_sites_share_what_the_project_gives(
    workspace: MakeWorkspace, cluster: Cluster, chart: ChartSettings
) -> None:
    checkout = workspace(cluster=cluster)
    write(checkout.path)
    file = checkout.path / "Pulumi.yaml"
    project: dict[str, Any] = yaml.safe_load(file.read_text())
    shared = project["config"]
    shared["multus:cluster"]["value"].pop("failClosed")  # its nodes have a file each
    shared["multus:chart"], shared["multus:timeout"] = (
        {"value": chart()},
        {"value": TIMEOUT_SECONDS},
    )
    file.write_text(yaml.safe_dump(project))
    for site in (SITES[0], SITES[10], SITES[19]):
        assert checkout.preview(site).check().summary == {"create": 12}
    outputs = checkout.up("plant-7").check().outputs
    assert {*live.networks(cluster)} == {"default/cameras", "default/lan"}
    range_ = live.networks(cluster)["default/cameras"]["ipam"]["range"]
    assert range_ == "10.7.20.0/24"
    assert all(one.startswith("registry.example.com/") for one in outputs["images"])

    # A site's own value replaces the whole of the shared one.
    checkout.configure("plant-7", {"cluster": {"nodes": "multi"}})
    [error] = checkout.preview("plant-7").errors
    assert "stacks/Pulumi.plant-7.yaml:" in error
    assert "multus:cluster.distribution is missing" in error


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_each_site_gets_its_environment(
    shell: str, workspace: MakeWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = workspace()
    write(checkout.path)
    (checkout.path / "kubeconfigs").mkdir()
    sites = [*SITES, "dev", "prod", "staging"]  # the examples are there too
    for site in sites:
        (checkout.path / "kubeconfigs" / f"{site}.yaml").write_text(f"of {site}\n")
    ours = tmp_path_factory.mktemp("bin")
    programs(ours, {"gh": '#!/bin/sh\necho "$@" >> gh.log\n[ "$1" != secret ] || cat >> gh.log\n'})
    env: Mapping[str, str] = checkout.engine.environment()
    env = {**env, "PATH": os.pathsep.join([str(ours), env["PATH"]])}
    text = "\n".join(commands(PAGE, "In CI"))
    subprocess.run([shell, "-ec", text], cwd=checkout.path, env=env, check=True)
    given = (checkout.path / "gh.log").read_text().splitlines()
    for site in sites:
        assert f"api --method PUT repos/{{owner}}/{{repo}}/environments/deploy-{site}" in given
        at = given.index(f"secret set KUBECONFIG --env deploy-{site}")
        assert given[at + 1] == f"of {site}"
