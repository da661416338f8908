"""What a cluster has, to settings that render the same: every sound stack there and back."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from components.adopting import adopted, network, written
from components.args import MultusArgs
from components.chart.versions import DEFAULT
from components.cli.app import app
from components.fail_closed import LABEL
from components.manifest import KUBECTLS_OWN
from components.model import read
from components.networks import KINDS
from components.parse import parse
from components.stack_file import read_stack_file
from tests.stacks.files import ROOT, arguments
from tests.stacks.files import read as read_stack
from tests.unit.cases import load
from tests.unit.tasks import executable

SOUND: Final = {
    "dev": arguments("dev"),
    "staging": arguments("staging"),
    "prod": arguments("prod"),
    **{
        path.stem: args
        for path in sorted((ROOT / "tests" / "stacks").glob("[af]*d/*.yaml"))
        if (args := read_stack(yaml.safe_load(path.read_text())["config"]).args) is not None
    },
}

RELEASED: Final = [name for name, one in SOUND.items() if one.deploy == "all"]


def manifests(args: MultusArgs, **metadata: Any) -> list[dict[str, Any]]:
    return [
        {
            "metadata": {
                "name": one.name,
                "namespace": one.namespace,
                "labels": one.labels,
                "annotations": {**one.annotations, **one.own_annotations},
                **metadata,
            },
            "spec": {"config": one.render()},
        }
        for one in args.networks
    ]


def node(version: str, *labels: str) -> dict[str, Any]:
    metadata = {"labels": dict.fromkeys(labels, "x")} if labels else {}
    return {"metadata": metadata, "status": {"nodeInfo": {"kubeletVersion": version}}}


def there(args: MultusArgs) -> dict[str, Any]:
    """The release of such a stack, as Helm keeps it."""
    return {
        "info": {"status": "deployed"},
        "chart": {"metadata": {"version": args.chart.version}},
        "config": args.values,
    }


def nodes_of(args: MultusArgs) -> list[dict[str, Any]]:
    version = getattr(args.cluster, "version", "v1.34.2")
    return [node(version)] * (2 if args.cluster.nodes == "multi" else 1)


@pytest.mark.parametrize("name", RELEASED)
def test_a_deployed_stack_is_found_again(name: str) -> None:
    args = SOUND[name]
    found = adopted(nodes_of(args), manifests(args), there(args)).settings
    # What the API server does not know: the cluster's own networks, and who may break rules.
    found["cluster"] |= written(args.cluster)
    again = parse(found)
    networks = [one.network for one in again.configuration.networks]
    for mine, theirs in zip(networks, args.networks, strict=True):
        assert mine.type == theirs.type  # type: ignore[attr-defined]
        assert mine.render() == theirs.render()
    if again.args is not None:
        assert again.args.values == args.values


def test_most_of_them_are_sound_again() -> None:
    """The others break rules that they had allowed."""
    stacks = [SOUND[name] for name in RELEASED]
    found = [adopted(nodes_of(one), manifests(one), there(one)).settings for one in stacks]
    assert sum(parse(one).args is not None for one in found) > 0.8 * len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_as_it_stands_in_the_documentation(kind: str) -> None:
    example = getattr(KINDS[kind], "example")  # noqa: B009  of typed kinds and raw
    made = read(KINDS[kind], example)
    args = SOUND["prod"].model_copy(update={"networks": (made,)})
    found = adopted(nodes_of(args), manifests(args), None).settings
    assert found["deploy"] == "networks"
    [again] = [one.network for one in parse(found).configuration.networks]
    assert again.render() == made.render()
    assert again.type == kind  # type: ignore[attr-defined]


@pytest.mark.parametrize("case", load("adopting", "clusters"))
def test_the_cluster_is_known_by_its_nodes_and_directory(case: Any) -> None:
    values = {"config": {"cni_conf": {"confDir": case["directory"]}}}
    release = {"chart": {"metadata": {"version": DEFAULT}}, "config": values}
    found = adopted(map(node, case["nodes"]), [], release)
    assert found.settings["cluster"] == case["cluster"]


def test_nodes_that_are_fail_closed_make_the_cluster_so() -> None:
    """All of them: preflight names those that lack the file."""
    closed, other = node("v1.34.2+k3s1", LABEL), node("v1.34.2+k3s1")
    for nodes, found in (([closed] * 2, True), ([closed, other], None)):
        assert adopted(nodes, [], None).settings["cluster"].get("failClosed") is found
    # The oldest is told by numbers.
    mixed = [node("v1.34.10+k3s1"), node("v1.34.9+k3s1")]
    assert adopted(mixed, [], None).settings["cluster"]["version"] == "v1.34.9+k3s1"


def test_a_release_without_values_is_taken_over() -> None:
    """As K3s's page installs it: Helm then keeps no config, or an empty one."""
    chart = {"chart": {"metadata": {"version": DEFAULT}}}
    for release in (chart, {**chart, "config": {}}, {**chart, "config": None}):
        found = adopted([node("v1.34.2+k3s1")], [], release)
        assert "extraValues" not in found.settings


def test_what_is_not_taken_over_is_said() -> None:
    args = SOUND["prod"]
    owned = manifests(args, ownerReferences=[{"kind": "SriovNetwork", "name": "fast"}])
    values = {**args.values, "config": {"cni_conf": {"binDir": "/opt", "logLevel": "debug"}}}
    values |= {"nonsense": 1}
    release = {"chart": {"metadata": {"version": "v9.9.9"}}, "config": values}
    elsewhere = {"metadata": {"name": "of-the-node", "namespace": "default"}, "spec": {}}
    found = adopted(nodes_of(args), [*owned, elsewhere], release)
    assert found.settings["extraValues"] == {"config": {"cni_conf": {"logLevel": "debug"}}}
    assert "networks" not in found.settings
    said = [
        f"the chart v9.9.9 is not known here: the stack has {DEFAULT}",
        "network default/storage is left out: SriovNetwork fast makes it",
        "network default/edge is left out: SriovNetwork fast makes it",
        "network default/of-the-node is left out: Multus reads its configuration on the node",
        "value config.cni_conf.binDir is /opt, which the program sets to "
        "/var/lib/rancher/k3s/data/cni",
        "value nonsense is 1, which the program leaves out",
    ]
    assert sorted(found.notes) == sorted(said)


@pytest.mark.parametrize("config", ["{", "[]", json.dumps({"type": 5})])
def test_a_network_that_cannot_be_read_is_kept_as_it_is(config: str) -> None:
    manifest = {"metadata": {"name": "a", "namespace": "b"}, "spec": {"config": config}}
    found = {"name": "a", "namespace": "b", "type": "raw", "config": config}
    assert network(manifest) == found


def test_kubectls_own_note_stays_behind() -> None:
    [manifest] = manifests(SOUND["prod"])[:1]
    manifest["metadata"]["annotations"] = {KUBECTLS_OWN: "{}", "a.b/c": "d"}
    assert network(manifest)["annotations"] == {"a.b/c": "d"}


def test_keys_with_dots_are_found_among_what_the_program_sets() -> None:
    selector = {"kubernetes.io/arch": "amd64"}
    values = {"labels": {"nodeSelector": selector}}
    release = {"chart": {"metadata": {"version": DEFAULT}}, "config": values}
    found = adopted([node("v1.34.2+k3s1")], [], release)
    assert found.settings["nodeSelector"] == selector
    assert found.notes == []


def release_of(**values: Any) -> dict[str, Any]:
    return {"chart": {"metadata": {"version": DEFAULT}}, "config": values}


def test_a_custom_cluster_loses_nothing_before_its_networks_are_written_down() -> None:
    """The API server does not say them, and no network or Helm value is made from them."""
    args = SOUND["prod"]
    conf = {"confDir": "/etc/kube/net.d", "logLevel": "debug", "multusConfFile": "own.conf"}
    found = adopted([node("v1.34.2")], manifests(args), release_of(config={"cni_conf": conf}))
    assert [one["type"] for one in found.settings["networks"]] == [
        one.type  # type: ignore[attr-defined]
        for one in args.networks
    ]
    assert found.settings["extraValues"] == {"config": {"cni_conf": {"logLevel": "debug"}}}
    assert found.notes == [
        "value config.cni_conf.multusConfFile is own.conf, which the program sets to auto"
    ]
    faults = [str(one) for one in parse(found.settings).findings if "cluster." in str(one)]
    assert ["Cidr is missing" in one for one in faults] == [True, True]


def test_values_beside_a_setting_that_cannot_be_read_are_compared_too() -> None:
    values = {"global": {"systemDefaultRegistry": "http://a b"}, "tolerations": [], "nonsense": 1}
    found = adopted([node("v1.34.2+k3s1")], [], release_of(**values))
    assert found.settings["registry"] == "http://a b"
    assert "value nonsense is 1, which the program leaves out" in found.notes


def test_where_the_cluster_cannot_be_read_each_value_is_named() -> None:
    values = {"config": {"cni_conf": {"binDir": "/opt", "logLevel": "debug"}}, "nonsense": 1}
    found = adopted([node("v1.34.2+k3s-dev")], [], release_of(**values))
    assert found.settings["extraValues"] == {"config": {"cni_conf": {"logLevel": "debug"}}}
    why = "which nobody compared, for the cluster cannot be read"
    assert found.notes == [
        f"value config.cni_conf.binDir is /opt, {why}",
        f"value nonsense is 1, {why}",
    ]


# --- The command ---


def kubectl(folder: Path, networks: list[dict[str, Any]], release: dict[str, Any] | None) -> str:
    """A PATH whose kubectl answers with these objects."""
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode())))
    secret = {"metadata": {"labels": {"version": "2"}}, "data": {"release": packed.decode()}}
    nodes = [node("v1.34.2+k3s1")] * 2
    answers = {"nodes": nodes, "network-attachment-definitions.k8s.cni.cncf.io": networks}
    executable(
        folder / "kubectl",
        f"import json, sys\nanswers = {answers!r}\n"
        f"ours = {[secret] if release else []!r}\n"
        "secrets = ours if '--selector=owner=helm,name=multus' in sys.argv else []\n"
        "kind = next((one for one in answers if one in sys.argv), None)\n"
        "print(json.dumps({'items': answers[kind] if kind else secrets}))",
        by=sys.executable,
    )
    return str(folder)


def test_the_files_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = SOUND["prod"]
    monkeypatch.setenv("PATH", kubectl(tmp_path, manifests(args), there(args)))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: mine\n")
    result = CliRunner().invoke(app, ["import", "here"])
    assert result.output == "wrote stacks/Pulumi.here.yaml\nwrote here.import.json\n"
    again = read_stack_file(tmp_path / "stacks" / "Pulumi.here.yaml", "here")
    parsed = read_stack(again.config)
    assert parsed.args is not None
    assert parsed.args.adopt
    networks = zip(parsed.args.networks, args.networks, strict=True)
    assert all(type(mine) is type(theirs) for mine, theirs in networks)
    taken = json.loads((tmp_path / "here.import.json").read_text())
    assert taken["nameTable"]["cluster"].startswith("urn:pulumi:here::mine::pulumi:providers:")
    assert [(one["name"], one["id"]) for one in taken["resources"]] == [
        ("multus-release", "kube-system/multus"),
        ("multus-default.storage", "default/storage"),
        ("multus-default.edge", "default/edge"),
    ]
    result = CliRunner().invoke(app, ["import", "here"])
    assert result.exit_code == 2
    assert "already. Name another stack, or move it away" in result.stderr


def test_a_release_that_is_not_deployed_is_mended_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = there(SOUND["prod"]) | {"info": {"status": "pending-upgrade"}}
    monkeypatch.setenv("PATH", kubectl(tmp_path, [], release))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: mine\n")
    result = CliRunner().invoke(app, ["import", "here"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "release multus has the status pending-upgrade. Mend it first" in result.stderr


def test_many_networks_have_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first, *_] = manifests(SOUND["prod"])
    many = [{**first, "metadata": {"name": f"n{at}", "namespace": "a"}} for at in range(300)]
    monkeypatch.setenv("PATH", kubectl(tmp_path, many, None))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: mine\n")
    assert CliRunner().invoke(app, ["import", "big"]).exit_code == 0
    text = (tmp_path / "stacks" / "Pulumi.big.yaml").read_text()
    assert yaml.safe_load(text)["config"]["multus:networkFiles"] == ["networks/big.yaml"]
    assert len(yaml.safe_load((tmp_path / "networks" / "big.yaml").read_text())) == len(many)


@pytest.mark.parametrize(
    ("stack", "project", "said"),
    [
        ("../x", "name: a", "the name of a stack has letters, digits"),
        ("..", "name: a", "the name of a stack has letters, digits"),
        ("x", "name: [", "Pulumi.yaml:"),
        ("x", "runtime: python", "it has no name"),
        ("x", None, "there is no Pulumi.yaml here"),
        ("x", "name: a", "neither kubectl nor k3s is on PATH"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    stack: str, project: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    if project is not None:
        (tmp_path / "Pulumi.yaml").write_text(project)
    result = CliRunner().invoke(app, ["import", stack])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr
    assert not (tmp_path / "stacks").exists()
