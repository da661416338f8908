"""docs/sites.md with twenty sites: what they share is read, and each is checked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from ci import stacks
from components.cli.app import app
from tests.stacks.files import ROOT

PAGE: Final = (ROOT / "docs" / "sites.md").read_text(encoding="utf-8")
SHARED, SITE = re.findall(r"```yaml\n# (?:Pulumi|stacks)\S+\n(config:\n.*?)```", PAGE, re.DOTALL)
SITES: Final = [f"plant-{number}" for number in range(1, 21)]


def write(folder: Path) -> None:
    """The page's project, its twenty stacks, and a network that all of them have."""
    project: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    project["config"] |= yaml.safe_load(SHARED)["config"]
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (folder / "networks" / "all-sites").mkdir(parents=True)
    (folder / "networks" / "all-sites" / "lan.yaml").write_text(
        "{name: lan, namespace: default, type: macvlan, master: eth2}\n"
    )
    (folder / "stacks").mkdir(exist_ok=True)
    for number, site in enumerate(SITES, 1):
        text = SITE.replace("10.7.", f"10.{number}.")
        (folder / "stacks" / f"Pulumi.{site}.yaml").write_text(text)


def test_twenty_sites_are_checked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    done = CliRunner().invoke(app, ["check"])
    assert (done.exit_code, done.output) == (0, "20 files, 40 networks, no findings\n")
    assert [*stacks.stacks()] == sorted(SITES)
    drawn = CliRunner().invoke(app, ["images", "plant-7"]).output
    assert drawn.startswith("registry.example.com/")

    wrong = tmp_path / "Pulumi.yaml"
    wrong.write_text(wrong.read_text().replace("value: whereabouts", "value: whereabout"))
    found = json.loads(CliRunner().invoke(app, ["check", "--format", "json"]).output)["findings"]
    assert {(one["file"], one["path"]) for one in found} == {("Pulumi.yaml", "multus:ipam")}


def test_a_shared_setting_touches_all_of_them_and_a_sites_own_one() -> None:
    known = dict.fromkeys(SITES, ("networks/all-sites/*.yaml",))
    assert stacks.touched(["Pulumi.yaml"], known) == SITES
    assert stacks.touched(["networks/all-sites/lan.yaml"], known) == sorted(SITES)
    assert stacks.touched(["stacks/Pulumi.plant-7.yaml"], known) == ["plant-7"]
