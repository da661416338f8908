"""Access: which kubeconfig reaches the cluster, and a provider that it never replaces."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from components import access
from components.access import Access, KubeconfigError, ambient, no_context, provider
from tests.component.recorder import Record, Registered, kubeconfig, run

K3S: Final = "etc/k3s.yaml"
RKE2: Final = "etc/rke2.yaml"
HOME: Final = ".kube/config"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any kubeconfig, with its root and home here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(access, "K3S_KUBECONFIG", tmp_path / K3S)
    monkeypatch.setattr(access, "RKE2_KUBECONFIG", tmp_path / RKE2)
    return tmp_path


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kubeconfig("lab", "prod"))


# files that are there, KUBECONFIG (@ is the root) -> files that are read, which kubectl misses;
# or why it is an error
SEARCHES: Final[dict[str, tuple[list[str], str, tuple[list[str], bool] | str]]] = {
    "the variable": (["mine", K3S], "@/mine", (["mine"], False)),
    "one of several": (["mine"], "@/none:@/mine", (["mine"], False)),
    "several": (["mine", "other"], ":@/mine::@/other", (["mine", "other"], False)),
    "home": ([HOME, K3S], "", ([HOME], False)),
    "an empty variable": ([HOME], ":", ([HOME], False)),
    "a server of K3s": ([K3S, RKE2], "", ([K3S], True)),
    "a server of RKE2": ([RKE2], "", ([RKE2], True)),
    # Else a typing error would deploy to another cluster than the one that was meant.
    "a variable that leads nowhere": ([HOME, K3S], "/none/a", "names /none/a, which is no file"),
    "nothing": ([], "", "there is no kubeconfig. Set KUBECONFIG, or run on a server"),
}


@pytest.mark.parametrize(("there", "variable", "expected"), SEARCHES.values(), ids=SEARCHES)
def test_the_kubeconfig_is_the_one_that_kubectl_finds_or_the_servers_own(
    there: list[str],
    variable: str,
    expected: tuple[list[str], bool] | str,
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(*(machine / name for name in there))
    monkeypatch.setenv("KUBECONFIG", variable.replace("@", str(machine)))
    if isinstance(expected, str):
        with pytest.raises(KubeconfigError, match=expected):
            ambient()
    else:
        assert ambient() == ([machine / name for name in expected[0]], expected[1])


def test_a_pod_uses_its_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    assert ambient() == ([], False)


def test_a_server_whose_file_is_roots(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine / K3S)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(KubeconfigError, match="cannot be read by this user"):
        ambient()


def made(given: Callable[[], Access], record: Record | None = None) -> Registered:
    """`given` is called in the program: an Output belongs to its loop."""

    def body() -> None:
        provider(given())

    return run(body, record=record).named("cluster")


def test_the_provider_is_never_replaced_by_a_new_kubeconfig() -> None:
    found = made(lambda: Access("content", "lab", "c"))
    assert found.token == "pulumi:providers:kubernetes"
    assert found.inputs["clusterIdentifier"] == "multus/test"
    given = [found.inputs[key] for key in ("kubeconfig", "context", "cluster")]
    assert given == ["content", "lab", "c"]
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


NO_CONTEXT: Final = "the kubeconfig has no context of that name"
# (context, contents) -> what is wrong
CONTEXTS: Final[list[tuple[str, list[Any], str | None]]] = [
    ("lab", ["prod lab"], None),
    ("lab", ["prod", "lab"], None),
    ("2024-13-45", ["2024-13-45"], None),
    ("lap", ["lab prod"], f'{NO_CONTEXT}. Did you mean "lab"?'),
    ("xxxx", ["lab", "prod"], f"{NO_CONTEXT}. Known: lab, prod."),
    ("lab", [], "the kubeconfig has no contexts"),
    *(("lab", [damaged], None) for damaged in (b"{", b"", b"a text", b"contexts: [a]")),
]


@pytest.mark.parametrize(("context", "contents", "wrong"), CONTEXTS)
def test_a_context_must_be_in_the_kubeconfig(
    context: str, contents: list[Any], wrong: str | None
) -> None:
    texts = [c.decode() if isinstance(c, bytes) else kubeconfig(*c.split()) for c in contents]
    assert no_context(context, texts) == wrong
    said = no_context(context, texts, secret=True)
    assert said == (wrong and NO_CONTEXT)  # no name of what is secret
