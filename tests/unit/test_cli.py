"""The command line `multus-k3s`: what it prints, and how it exits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from components import cli
from components.cli import pages, reference
from components.cli.app import app
from components.cli.check import read_stack
from components.rules.registry import catalog
from components.stack_file import read_stack_file
from tests.stacks.files import EXAMPLES, ROOT, STACKS, arguments, stack_path
from tests.unit.cases import load

CASES: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "manifests.yaml").read_text()
)
GOOD: Final = """config:
  multus:cluster: {distribution: k3s, version: v1.34.2+k3s1, nodes: multi}
  multus:ipam: dhcp
"""
WRONG: Final = GOOD + '  multus:timeout: "a%,\\e[31m"\n'
ESCAPED: Final = "a%,\\u001b[31m"


def run(*arguments: str, given: str = "") -> Any:
    result = CliRunner().invoke(app, arguments, input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(autouse=True)
def _among_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)


# --- check ---


def test_the_examples_have_no_findings() -> None:
    result = run("check")
    networks = sum(len(arguments(one).networks) for one in STACKS)
    said = f"{len(STACKS)} files, {networks} networks, no findings\n"
    assert (result.exit_code, result.stdout) == (0, said)


def test_a_stack_by_its_name_is_its_file() -> None:
    assert run("check", "dev").stdout == run("check", "stacks/Pulumi.dev.yaml").stdout
    assert "nobody: error: there is no such file" in run("check", "nobody").stdout


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_manifests(case: dict[str, Any]) -> None:
    result = run("check", "--format", "json", "-", given=case["text"])
    found = json.loads(result.stdout)["findings"]
    assert [[one["line"], one["path"], one["rule"]] for one in found] == case["findings"]
    assert result.exit_code == any(one["severity"] != "note" for one in found)


def test_where_manifests_run_decides() -> None:
    text = CASES["a definition by hand"]["text"].replace("300", "0")
    rules = {}
    for nodes in ("single", "multi"):
        options = ("--cluster", "k3s@v1.34.2+k3s1", "--nodes", nodes, "--format", "json")
        found = json.loads(run("check", *options, "-", given=text).stdout)["findings"]
        rules[nodes] = {one["rule"] for one in found}
    assert rules["multi"] - rules["single"]


@pytest.mark.parametrize("cluster", ["k3s", "k3s@1.34", "custom@v1", "rke2@v1.34.2+k3s1"])
def test_a_cluster_that_is_none(cluster: str) -> None:
    result = run("check", "--cluster", cluster, "-", given=GOOD)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: --cluster {cluster}: ")
    assert result.stderr.count("\n") == 1


def test_text() -> None:
    result = run("check", "-", given=WRONG)
    first, summary = result.stdout.splitlines()
    assert first.startswith(f'-:4: error: multus:timeout is "{ESCAPED}", but ')
    assert first.endswith(" [shape]")
    assert summary == "1 file, 0 networks, 1 error"
    assert result.exit_code == 1


def test_json() -> None:
    [found] = json.loads(run("check", "--format", "json", "-", given=WRONG).stdout)["findings"]
    message = found.pop("message")
    where = {"file": "-", "line": 4, "path": "multus:timeout"}
    assert found == {**where, "severity": "error", "rule": "shape"}
    assert message.startswith(f'is "{ESCAPED}", but ')


def test_github() -> None:
    result = run("check", "--format", "github", "-", given=WRONG)
    said = re.escape(f'multus:timeout is "{ESCAPED}", but '.replace("%", "%25"))
    assert re.fullmatch(rf"::error file=-,line=4,title=shape::{said}[^\n]+\n", result.stdout)


def test_github_names_files_with_signs_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a,b:c%.yaml").write_text(WRONG)
    result = run("check", "--format", "github", str(tmp_path / "a,b:c%.yaml"))
    assert "/a%2Cb%3Ac%25.yaml,line=4," in result.stdout


def test_sarif(tmp_path: Path) -> None:
    (tmp_path / "a b.yaml").write_text(WRONG)
    log = json.loads(run("check", "--format", "sarif", str(tmp_path / "a b.yaml")).stdout)
    [made] = log["runs"]
    [result] = made["results"]
    assert log["version"] == "2.1.0"
    assert {one["id"] for one in made["tool"]["driver"]["rules"]} >= {*catalog(), result["ruleId"]}
    [location] = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"].endswith("/a%20b.yaml")
    assert location["physicalLocation"]["region"] == {"startLine": 4}


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_machines_get_a_document_also_where_nothing_is_found(form: str) -> None:
    result = run("check", "--format", form, "-", given=GOOD)
    assert result.exit_code == 0
    assert form == "github" or json.loads(result.stdout)


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "other.yaml").write_text("a: 1")
    (tmp_path / "wrong.yaml").write_text(WRONG)
    names = ("broken", "gone", "other", "wrong")
    result = run("check", *(str(tmp_path / f"{name}.yaml") for name in names))
    lines = result.stdout.replace(f"{tmp_path}/", "").splitlines()
    assert lines[:3] == [
        "broken.yaml:1: error: that is no YAML: did not find expected node content [unreadable]",
        "gone.yaml: error: there is no such file [unreadable]",
        "other.yaml: error: it is neither a stack file, which is a mapping called config, nor "
        "networks, which are lists of them or Kubernetes manifests [unreadable]",
    ]
    assert lines[3].startswith("wrong.yaml:4: error: multus:timeout ")
    assert (lines[4], result.exit_code) == ("4 files, 0 networks, 4 errors", 2)


@pytest.mark.parametrize(("text", "status"), [("- [", 2), ("- {name: Lan, type: macvlan}", 1)])
def test_a_file_of_two_stacks_is_said_once(
    text: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that cannot be read ends with 2 there as it does by itself."""
    monkeypatch.chdir(tmp_path)
    Path("Pulumi.yaml").touch()
    Path("lan.yaml").write_text(text)
    names = ["Pulumi.a.yaml", "Pulumi.b.yaml"]
    for name in names:
        Path(name).write_text(GOOD + "  networkFiles: [lan.yaml]\n")
    results = [run("check", *files) for files in (names, ["lan.yaml"])]
    together, alone = (each.stdout.splitlines()[:-1] for each in results)
    assert together == alone
    assert [one.exit_code for one in results] == [status, status]


def test_notes_do_not_count() -> None:
    network = "{name: a, type: raw, config: {type: ours}}"
    lines = f"  multus:extraPlugins: [ours]\n  multus:networks: [{network}]\n"
    result = run("check", "-", given=GOOD + lines)
    assert (result.exit_code, ": note: " in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mutlus:timeout: 9", 'Did you mean "multus:timeout"?'),
        ("multus:ipma: dhcp", 'Did you mean "ipam"?'),
        ('multus:networks: \'[{"name": "lan", "type": "macvlna"}]\'', 'Did you mean "macvlan"?'),
    ],
)
def test_keys_and_texts_are_read_as_the_cli_hands_them_over(line: str, said: str) -> None:
    result = run("check", "-", given=f"{GOOD}  {line}\n")
    assert result.stdout.startswith("-:4: error: ")
    assert said in result.stdout


def test_a_number_in_quotes_is_one_for_the_cli_too() -> None:
    assert run("check", "-", given=GOOD + '  multus:timeout: "300"\n').exit_code == 0


def test_without_files_it_wants_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: there is no stacks/Pulumi.*.yaml here")


def command(line: str, **given: Any) -> subprocess.CompletedProcess[str]:
    """The command line as a shell runs it; $M is the program."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "M": f"{sys.executable} -m components.cli",
    }
    return subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=EXAMPLES, env=environment, capture_output=True, text=True, check=False, **given,
    )  # fmt: skip


def test_needs_no_pulumi() -> None:
    done = command(f"{sys.executable} -X importtime -m components.cli check")
    assert "no findings" in done.stdout
    assert not re.search(r"\| +(pulumi\w*|grpc)$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize(("line", "status", "said"), load("cli", "lines"))
def test_never_ends_in_a_traceback(line: str, status: int, said: str) -> None:
    done = command(line)
    assert done.returncode == status, done
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


# --- node-files ---


@pytest.mark.parametrize(("cluster", "place"), load("cli", "node files"))
def test_the_files_of_a_node_are_alike_in_each_form(
    cluster: str, place: str, tmp_path: Path
) -> None:
    stack = tmp_path / "lab.yaml"
    stack.write_text(f"config:\n  multus:cluster: {cluster}\n  multus:ipam: dhcp\n")
    plain, init, ansible = (
        run("node-files", str(stack), "--format", form).stdout
        for form in ("plain", "cloud-init", "ansible")
    )
    head, *sections = plain.split("\n# /")
    files = {f"/{path}": text + "\n" for path, _, text in (s.partition("\n") for s in sections)}
    files = {path: text.rstrip("\n") + "\n" for path, text in files.items()}
    (plugin,) = json.loads(files[place])["plugins"]
    assert plugin["type"] == "multus"
    others = [yaml.safe_load(text) for path, text in files.items() if path != place]
    label = f"multus-k3s/fail-closed={place.rpartition('/')[0].strip('/').replace('/', '.')}"
    assert label in head
    assert others == ([] if "custom" in cluster else [{"node-label+": [label]}])

    assert init.startswith("#cloud-config\n")
    given = yaml.safe_load(init)["write_files"]
    assert {one["path"]: one["content"] for one in given} == files
    tasks = [one.get("ansible.builtin.copy") for one in yaml.safe_load(ansible)]
    assert {one["dest"]: one["content"] for one in tasks if one} == files
    assert all(head in form for form in (init, ansible))


# --- images ---


@pytest.mark.parametrize("stack", STACKS)
def test_images_of_a_stack_one_a_line(stack: str) -> None:
    args = read_stack(read_stack_file(stack_path(stack), stack), stack).args
    assert args
    assert run("images", stack).stdout.splitlines() == list(args.images)


def test_networks_alone_need_no_images() -> None:
    result = run("images", str(ROOT / "tests" / "stacks" / "field" / "networks-only.yaml"))
    assert (result.exit_code, result.stdout) == (0, "")


def test_images_with_the_registry_and_what_to_copy_from(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(GOOD + "  registry: mirror.lan\n  kubeconfig: {secure: x}\n")
    mirrored = run("images", str(file)).stdout.splitlines()
    published = run("images", "--published", str(file)).stdout.splitlines()
    assert mirrored == [f"mirror.lan/{one}" for one in published]
    assert len(published) == 3


def test_images_say_what_secret_they_did_not_read(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(GOOD + "  multus:extraValues: {secure: y}\n")
    result = run("images", str(file))
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "multus:extraValues is a secret and was not read\n"


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("config: [", 2, ":1: error: that is no YAML"),
        (WRONG, 1, ":4: error: multus:timeout"),
    ],
)
def test_images_of_a_file_with_mistakes(
    content: str, status: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "lab.yaml").write_text(content)
    result = run("images", str(tmp_path / "lab.yaml"))
    assert result.exit_code == status
    assert said in result.output


def test_images_name_the_stacks_that_there_are() -> None:
    result = run("images", "prd")
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: there is no stacks/Pulumi.prd.yaml. Stacks: {', '.join(STACKS)}\n",
    )


# --- schema, rules, kinds ---


def test_schema_tells_when_the_file_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = run("schema").stdout
    monkeypatch.chdir(tmp_path)
    assert run("schema", "--check").exit_code == 1
    assert run("schema", "--write").exit_code == 0
    assert run("schema", "--check").exit_code == 0
    assert (tmp_path / "schemas" / "stack.schema.json").read_text() == printed


@pytest.mark.parametrize(
    ("file", "made"),
    [
        ("rules.md", pages.rules_page),
        ("networks.md", pages.kinds_page),
        ("reference.md", reference.page),
    ],
)
def test_documents_are_current(file: str, made: Any) -> None:
    assert (ROOT / "docs" / file).read_text() == made(), "run make docs"


def test_every_key_has_a_value_and_is_explained() -> None:
    rows = [line for line in reference.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 200
    for row in rows:
        _, _, value, _, about, _ = row.split("|")
        assert value.strip(), row
        assert about.strip(), row


def test_a_rule_is_explained() -> None:
    listed = run("rules").stdout
    for name, rule in catalog().items():
        assert f" {name}: {rule.summary}" in listed
    name, rule = next(iter(catalog().items()))
    assert rule.evidence.rstrip(".") in run("rules", name).stdout
    result = run("rules", name[:-1])
    assert (result.exit_code, "Did you mean" in result.stderr) == (2, True)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "typer" else name)
    with pytest.raises(SystemExit, match="pip install"):
        cli.main()


def test_pre_commit_runs_what_is_there() -> None:
    """Networks of a stack are checked with it, and manifests by themselves."""
    stacks, manifests = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in (stacks, manifests):
        assert hook["language"] == "python"
        assert hook["additional_dependencies"] == [".[cli]"]
        command, *arguments = hook["entry"].split()
        assert f'\n{command} = "multus_k3s.cli:main"\n' in (ROOT / "pyproject.toml").read_text()
    assert stacks["pass_filenames"] is False
    assert run(*arguments).exit_code == 0
    files = {
        stacks["id"]: ["stacks/Pulumi.dev.yaml", "networks/prod/a.yaml", "infra/networks/b.yml"],
        manifests["id"]: [
            "nad.yaml",
            "apps/camera-nad.yml",
            "network-attachment-definitions/a.yaml",
        ],
        "neither": ["Pulumi.yaml", "deployment.yaml", "canada.yaml", "network-policies/web.yaml"],
    }
    everything = [name for names in files.values() for name in names]
    for hook in (stacks, manifests):
        found = [one for one in everything if re.search(hook["files"], one)]
        assert found == files[hook["id"]]
