"""Access: which kubeconfig reaches the cluster, and a provider that it never replaces."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest

from components import access
from components.access import (
    Access,
    KubeconfigError,
    ambient,
    files,
    no_context,
    provider,
    refuse_context,
)
from tests.component.recorder import Record, Registered, run

HERE: Final = "a file of the cluster"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def k3s(tmp_path: Path) -> Path:
    return tmp_path / "k3s.yaml"


def kubeconfig(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HERE)
    return path


def test_kubectl_finds_its_own_by_the_variable(home: Path, k3s: Path, tmp_path: Path) -> None:
    mine = kubeconfig(tmp_path / "mine")
    kubeconfig(k3s)
    for value in (f"{mine}", f"{tmp_path}/none:{mine}", f":{mine}:"):
        assert ambient({"KUBECONFIG": value}, home, str(k3s)) is None


def test_kubectl_finds_its_own_at_home(home: Path, k3s: Path) -> None:
    kubeconfig(home / ".kube" / "config")
    kubeconfig(k3s)
    assert ambient({}, home, str(k3s)) is None
    assert ambient({"KUBECONFIG": ""}, home, str(k3s)) is None
    assert ambient({"KUBECONFIG": ":"}, home, str(k3s)) is None


def test_k3s_serves_where_there_is_none(home: Path, k3s: Path) -> None:
    kubeconfig(k3s)
    assert ambient({}, home, str(k3s)) == str(k3s)


def test_rke2_serves_where_there_is_no_k3s(home: Path, k3s: Path, tmp_path: Path) -> None:
    rke2 = kubeconfig(tmp_path / "rke2.yaml")
    assert ambient({}, home, str(k3s), str(rke2)) == str(rke2)
    kubeconfig(k3s)
    assert ambient({}, home, str(k3s), str(rke2)) == str(k3s)


def test_a_variable_that_leads_nowhere_is_not_passed_over(home: Path, k3s: Path) -> None:
    """Else a typing error would deploy to another cluster than the one that was meant."""
    kubeconfig(k3s)
    kubeconfig(home / ".kube" / "config")
    with pytest.raises(KubeconfigError, match="KUBECONFIG names /none/a, which is no file"):
        ambient({"KUBECONFIG": "/none/a:/none/b"}, home, str(k3s))
    with pytest.raises(KubeconfigError, match="which is no file"):
        ambient({"KUBECONFIG": str(home)}, home, str(k3s))


def test_k3s_file_of_root(home: Path, k3s: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(k3s)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(KubeconfigError, match="cannot be read by this user"):
        ambient({}, home, str(k3s))


def test_none_at_all(home: Path, k3s: Path) -> None:
    with pytest.raises(KubeconfigError, match="set KUBECONFIG, or run on a K3s server") as caught:
        ambient({}, home, str(k3s))
    assert "\n" not in str(caught.value)


def test_tasks_are_told_what_is_not_ambient() -> None:
    assert Access().environment() == {}
    assert Access(context="lab").environment() == {"MULTUS_CONTEXT": "lab"}


def registered(given: Callable[[], Access]) -> Registered:
    """`given` is called in the program: an Output belongs to its loop."""

    def body() -> None:
        provider(given())

    return run(body).named("cluster")


def test_the_provider_is_never_replaced_by_a_new_kubeconfig() -> None:
    made = registered(lambda: Access(pulumi.Output.secret(HERE), "lab"))
    assert made.token == "pulumi:providers:kubernetes"
    assert made.inputs["clusterIdentifier"] == "multus/test"
    assert made.inputs["kubeconfig"] == HERE
    assert made.inputs["context"] == "lab"
    assert "kubeconfig" in made.secrets


def test_the_provider_has_no_path_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = kubeconfig(tmp_path / "mine")
    monkeypatch.setenv("KUBECONFIG", str(mine))
    assert str(tmp_path) not in str(registered(Access).inputs)
    assert os.environ["KUBECONFIG"] == str(mine)


def test_the_provider_takes_k3s_own_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    seen: list[Any] = []

    def found(environment: Any, where: Path) -> str:
        seen.append((environment, where))
        return "/etc/rancher/k3s/k3s.yaml"

    monkeypatch.setattr(access, "ambient", found)
    monkeypatch.setattr(Path, "home", lambda: home)
    assert registered(Access).inputs["kubeconfig"] == "/etc/rancher/k3s/k3s.yaml"
    assert seen == [(os.environ, home)]


def contexts(*names: str) -> str:
    listed = "".join(f"- name: {name}\n  context: {{cluster: c, user: u}}\n" for name in names)
    return f"apiVersion: v1\nkind: Config\ncontexts:\n{listed}"


SEVERAL: Final = "the kubeconfig has no context of that name."
# (context, contents) -> what is wrong
CONTEXTS: Final[list[tuple[str, list[str], str | None]]] = [
    ("lab", [contexts("lab", "prod")], None),
    ("lab", [contexts("prod"), contexts("lab")], None),
    ("1", [contexts("1")], None),
    ("2024-13-45", [contexts("2024-13-45")], None),
    ("lap", [contexts("lab", "prod")], f'{SEVERAL} Did you mean "lab"?'),
    ("xxxx", [contexts("lab"), contexts("prod")], f"{SEVERAL} Known: lab, prod."),
    ("lab", [], "the kubeconfig has no contexts."),
    ("lab", ["apiVersion: v1"], "the kubeconfig has no contexts."),
    ("lab", ["contexts: null"], "the kubeconfig has no contexts."),
    ("lab", ["{damaged"], None),
    ("lab", [""], None),
    ("lab", ["a text"], None),
    ("lab", ["contexts: [a]"], None),
    ("lab", ["contexts: [{context: {}}]"], None),
    ("lab", ["contexts: 3"], None),
]


@pytest.mark.parametrize(("context", "contents", "wrong"), CONTEXTS)
def test_a_context_must_be_in_the_kubeconfig(
    context: str, contents: list[str], wrong: str | None
) -> None:
    assert no_context(context, contents) == wrong


def test_of_a_secret_kubeconfig_no_name_is_said() -> None:
    assert no_context("lap", [contexts("lab")], secret=True) == SEVERAL


def test_the_files_are_those_that_kubectl_reads(home: Path, k3s: Path, tmp_path: Path) -> None:
    mine, other = kubeconfig(tmp_path / "mine"), kubeconfig(tmp_path / "other")
    named = {"KUBECONFIG": f"{tmp_path}/none:{mine}::{other}"}
    assert files(named, home, None) == [mine, other]
    assert files({}, home, None) == []
    default = kubeconfig(home / ".kube" / "config")
    assert files({}, home, None) == [default]
    assert files({"KUBECONFIG": ":"}, home, None) == [default]
    assert files({}, home, str(k3s)) == [k3s]


def test_a_file_that_cannot_be_read_is_for_kubectl_to_name(tmp_path: Path) -> None:
    refuse_context("lab", [tmp_path / "none"])
    latin = tmp_path / "latin"
    latin.write_bytes(b"contexts: [{name: caf\xe9}]")
    refuse_context("lab", [latin])
    latin.write_bytes(b"contexts: [{name: cafe}]")
    with pytest.raises(KubeconfigError):
        refuse_context("lab", [latin])


def test_an_unknown_context_registers_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_text(contexts("lab", "prod"))
    monkeypatch.setenv("KUBECONFIG", str(mine))
    record = Record()
    with pytest.raises(KubeconfigError) as caught:
        run(lambda: provider(Access(context="lap")), record=record)
    assert record.resources == []
    assert str(caught.value) == (
        'multus:context is "lap", but the kubeconfig has no context of that name. '
        'Did you mean "lab"? Nothing was changed'
    )
    run(lambda: provider(Access(context="lab")), record=record)
    assert len(record.resources) == 1
