"""Networks in files of their own: which files are read, and what is said of them and where."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.cli.check import read_stack
from components.findings import in_order
from components.parse import Parsed
from components.stack_file import read_stack_file

CASES: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "network_files.yaml").read_text()
)
STACK: Final = Path("stacks/Pulumi.dev.yaml")


def project(case: dict[str, Any]) -> Parsed:
    """The case's project in the working directory, and what its stack file says."""
    Path("Pulumi.yaml").write_text("name: x\n")
    files, links = case.get("files", {}), case.get("links", {})
    for name, text in {**files, **links}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if name in links:
            Path(name).symlink_to(text)
        else:
            Path(name).write_text(text)
    STACK.parent.mkdir()
    cluster = "{distribution: k3s, version: v1.34.2+k3s1, nodes: multi}"
    STACK.write_text(
        f"config:\n  cluster: {cluster}\n  ipam: dhcp\n  networkFiles: {case['patterns']}\n"
    )
    return read_stack(read_stack_file(STACK, str(STACK)), str(STACK))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


@pytest.mark.parametrize("case", CASES["taken"].values(), ids=CASES["taken"])
def test_takes(case: dict[str, Any]) -> None:
    args = project(case).args
    assert args
    assert [one.key for one in args.networks] == case["networks"]


@pytest.mark.parametrize("case", CASES["refused"].values(), ids=CASES["refused"])
def test_says_what_is_wrong_and_where(case: dict[str, Any]) -> None:
    assert [str(one) for one in in_order(project(case).findings)] == case["said"]


def test_a_manifest_is_deployed_as_it_is() -> None:
    args = project(next(iter(CASES["taken"].values()))).args
    assert args
    [four] = [one for one in args.networks if one.key == "team/four"]
    assert four.labels == {"a": "b"}
    assert four.annotations == {"c": "d"}
    body = four.body()
    assert {key: one for key, one in body.items() if key != "name"} == {
        "cniVersion": "0.3.1",
        "type": "macvlan",
        "master": "eth1",
    }


def test_a_file_of_10_mb_is_not_read() -> None:
    said = project({"patterns": ["a.yaml"], "files": {"a.yaml": "#" * (10 * 1024 * 1024 + 1)}})
    [found] = said.findings
    assert str(found) == "a.yaml: error: the file has more than 10 MB. Split it [unreadable]"


def test_two_thousand_networks() -> None:
    """The CLI hands some 800 over in a stack file; the rules look at all of them here."""
    networks = [{"name": f"lan-{n}", "type": "macvlan", "master": f"eth{n}"} for n in range(2000)]
    files = {f"networks/{n}.yaml": yaml.safe_dump(networks[n::4]) for n in range(4)}
    parsed = project({"patterns": ["networks/*.yaml"], "files": files})
    assert (parsed.findings, parsed.networks) == ([], 2000)


def test_a_thousand_findings_about_one_text() -> None:
    """Each has its line, for which the text is read once."""
    body = {"cniVersion": "1.0.0", "type": "macvlan", "master": "eth1"}
    odd = {f"key-{n}": n for n in range(1000)}
    network = {"name": "lan", "type": "raw", "config": json.dumps({**body, **odd}, indent=0)}
    parsed = project({"patterns": ["a.yaml"], "files": {"a.yaml": yaml.safe_dump(network)}})
    assert len({one.line for one in parsed.findings}) == len(odd)


def test_a_network_of_the_stack_file_is_told_from_one_of_a_file() -> None:
    files = {"a.yaml": "- {name: lan, type: macvlan, master: eth1}"}
    patterns = "[a.yaml]\n  networks: [{name: lan, type: macvlan, master: eth2}]"
    [found] = project({"patterns": patterns, "files": files}).findings
    assert str(found).startswith(
        'a.yaml:1: error: default/lan.name is "lan", but networks[0] of the stack file has that '
    )


@pytest.mark.parametrize(("where", "named"), [("..", "project/a.yaml"), ("stacks", "../a.yaml")])
def test_files_are_named_from_the_working_directory(
    where: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As their stack file is, for what is read by GitHub."""
    project({"patterns": ["[a-b].yaml"], "files": {"a.yaml": "- {name: lan, type: macvlan}"}})
    stack = STACK.resolve()
    monkeypatch.chdir(where)
    for name, expected in (
        (os.path.relpath(stack), named),
        (str(stack), str(Path(named).resolve())),
    ):
        [found] = read_stack(read_stack_file(Path(name), name), name).findings
        assert found.file == expected


def test_patterns_without_a_project_begin_beside_the_stack_file() -> None:
    project({"patterns": ["a.yaml", "b.yaml"]})
    Path("stacks/a.yaml").write_text("[{name: lan, type: macvlan, master: eth1}]")
    Path("Pulumi.yaml").unlink()
    parsed = read_stack(read_stack_file(STACK, str(STACK)), str(STACK))
    [found] = parsed.findings
    assert found.path == ("multus:networkFiles", 1)
    assert "seen from the stack file's folder, as no Pulumi.yaml is above it" in found.message
    assert parsed.networks == 1
