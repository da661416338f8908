"""Access: which kubeconfig reaches the cluster, and a provider that it never replaces."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
import yaml

from components import kubeconfig as files
from components.access import Access, KubeconfigError, provider, resolved
from components.kubeconfig import NoKubeconfigError, ambient, parsed
from tests.component.recorder import Record, Registered, kubeconfig, run

K3S: Final = "etc/k3s.yaml"
RKE2: Final = "etc/rke2.yaml"
HOME: Final = ".kube/config"
CASES: Final = yaml.safe_load((Path(__file__).parent / "cases" / "access.yaml").read_text())


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any kubeconfig, with its root and home here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(files, "K3S_KUBECONFIG", tmp_path / K3S)
    monkeypatch.setattr(files, "RKE2_KUBECONFIG", tmp_path / RKE2)
    return tmp_path


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kubeconfig("lab", "prod"))


@pytest.mark.parametrize("case", CASES["searches"].values(), ids=CASES["searches"])
def test_the_kubeconfig_is_the_one_that_kubectl_finds_or_the_servers_own(
    case: Any, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*(machine / name for name in case["there"]))
    monkeypatch.setenv("KUBECONFIG", case["variable"].replace("@", str(machine)))
    if "refused" in case:
        with pytest.raises(NoKubeconfigError, match=case["refused"]):
            ambient()
    else:
        found = [machine / name for name in case["read"]]
        assert ambient() == (found, case.get("missed by kubectl", False))


def test_a_pod_uses_its_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    assert ambient() == ([], False)


def test_a_server_whose_file_is_roots(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine / K3S)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NoKubeconfigError, match="cannot be read by this user"):
        ambient()


def made(given: Callable[[], Access], record: Record | None = None) -> Registered:
    """`given` is called in the program: an Output belongs to its loop."""

    def body() -> None:
        provider(resolved(None, given()))

    return run(body, record=record).named("cluster")


def test_the_provider_is_never_replaced_by_a_new_kubeconfig() -> None:
    found = made(lambda: Access(kubeconfig("lab"), "lab", "c"))
    assert found.token == "pulumi:providers:kubernetes"
    assert found.inputs["clusterIdentifier"] == "multus"
    assert list(found.request.ignoreChanges) == ["clusterIdentifier"]
    given = [found.inputs[key] for key in ("kubeconfig", "context", "cluster")]
    assert given == [kubeconfig("lab"), "lab", "c"]
    assert "kubeconfig" in found.secrets


def test_the_provider_has_no_path_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, machine: Path
) -> None:
    put(machine / "mine")
    monkeypatch.setenv("KUBECONFIG", str(machine / "mine"))
    assert str(machine) not in str(made(Access).inputs)
    assert os.environ["KUBECONFIG"] == str(machine / "mine")


def test_the_provider_takes_the_servers_own_where_there_is_no_other(machine: Path) -> None:
    put(machine / K3S)
    assert made(Access).inputs["kubeconfig"] == str(machine / K3S)


def test_an_unknown_context_registers_nothing(machine: Path) -> None:
    put(machine / HOME)
    record = Record()
    with pytest.raises(KubeconfigError) as caught:
        made(lambda: Access(context="lap"), record)
    assert record.resources == []
    assert str(caught.value) == (
        'the context is "lap", but the kubeconfig has no context of that name. '
        'Did you mean "lab"? Nothing was changed'
    )
    assert made(lambda: Access(context="lab"), record)


def test_a_damaged_kubeconfig_is_for_kubectl_to_name(machine: Path) -> None:
    put(machine / HOME)
    (machine / HOME).write_bytes(b"contexts: [{name: caf\xe9}]")
    assert made(lambda: Access(context="lab"))


@pytest.mark.parametrize("secret", [False, True], ids=["", "secret"])
@pytest.mark.parametrize("case", CASES["contexts"])
def test_what_reaches_no_cluster_is_refused_and_tells_no_name_of_a_secret(
    case: Any, *, secret: bool
) -> None:
    text = case["text"] if "text" in case else kubeconfig(*case["contexts"])
    context = case.get("context")
    given = lambda: Access(pulumi.Output.secret(text) if secret else text, context)  # noqa: E731
    if "refused" not in case:
        assert made(given)
        return
    with pytest.raises(KubeconfigError) as caught:
        made(given)
    said = str(caught.value)
    assert case["refused"] in said
    assert secret or case.get("fix", "") in said
    assert said.endswith(" Nothing was changed")
    assert not secret or "prod" not in said


def test_a_path_that_leads_nowhere_is_refused_and_not_told_where_it_is_secret() -> None:
    with pytest.raises(KubeconfigError, match='kubeconfig is "/none/a", which is no file where'):
        made(lambda: Access("/none/a"))
    with pytest.raises(KubeconfigError, match="kubeconfig is neither content nor a file where"):
        made(lambda: Access(pulumi.Output.secret("/none/a")))


def test_home_is_meant_at_the_beginning_of_a_path_alone(machine: Path) -> None:
    put(machine / "a~b" / "mine", machine / "mine")
    assert made(lambda: Access(str(machine / "a~b" / "mine")))
    assert made(lambda: Access("~/mine"))
    with pytest.raises(KubeconfigError, match='kubeconfig is "~mine", which is no file where'):
        made(lambda: Access("~mine"))


def test_a_pod_may_have_an_empty_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl and the provider then use the service account."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    assert made(lambda: Access("\n"))


def test_several_kubeconfigs_are_joined_and_the_first_wins() -> None:
    read = parsed([kubeconfig("lab"), "", kubeconfig("prod", "lab")])
    assert read is not None
    assert (read.current, [*read.contexts]) == ("lab", ["lab", "prod"])


@pytest.mark.parametrize("passwd", [True, False])
def test_without_home_nothing_is_found_there(
    monkeypatch: pytest.MonkeyPatch, *, passwd: bool
) -> None:
    """kubectl and the provider know HOME alone, and a container's user may have no entry."""
    monkeypatch.delenv("HOME")
    if not passwd:
        monkeypatch.setattr(os, "getuid", lambda: 4242)
    with pytest.raises(NoKubeconfigError, match="HOME is not set, and there is no kubeconfig"):
        ambient()
