"""kubectl: found, pointed at the right cluster, and its complaints in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from components.live import kubectl as live
from components.live.kubectl import (
    LONGEST_TEXT,
    Kubectl,
    TaskError,
    connected,
    explained,
    found,
    one_line,
)


def executable(path: Path, body: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


# (what is on PATH, in order of folders) -> what is run
FINDS: Final = [
    (["a/kubectl"], ["a/kubectl"]),
    (["a/k3s"], ["a/k3s", "kubectl"]),
    (["a/k3s", "a/kubectl"], ["a/kubectl"]),
    (["a/k3s", "b/kubectl"], ["b/kubectl"]),
]


@pytest.mark.parametrize(("there", "command"), FINDS)
def test_is_found(tmp_path: Path, there: list[str], command: list[str]) -> None:
    for name in there:
        executable(tmp_path / name)
    path = f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    expected = [str(tmp_path / command[0]), *command[1:]]
    assert found({"PATH": path}) == expected


def test_none_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "kubectl").write_text("no program")
    for path in (str(tmp_path), ""):
        with pytest.raises(TaskError, match="neither kubectl nor k3s is on PATH"):
            found({"PATH": path})


def test_rke2s_is_found_off_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rke2 = str(executable(tmp_path / "rke2" / "kubectl"))
    monkeypatch.setattr(live, "RKE2_KUBECTL", rke2)
    assert found({"PATH": str(tmp_path)}) == [rke2]
    mine = executable(tmp_path / "kubectl")
    assert found({"PATH": str(tmp_path)}) == [str(mine)]


COMPLAINTS: Final = [
    ("", "kubectl said nothing"),
    ("\n \n", "kubectl said nothing"),
    ('Error from server (Forbidden): crds is forbidden: User "x"', "Error from server (Forbidden)"),
    (
        "E1123 11:22:33 memcache.go:1] couldn't get current server API group list\n"
        "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host?",
        "the cluster does not answer: The connection to the server 127.0.0.1:6443 was refused",
    ),
    ("Unable to connect to the server: dial tcp: i/o timeout", "the cluster does not answer: Un"),
    ("Unable to connect to the server: context deadline exceeded", "the cluster does not answer"),
    ("error: You must be logged in to the server (Unauthorized)", "does not accept the credential"),
    ("the server has asked: must be logged in", "does not accept the credentials"),
    ("Please enter Username: error: EOF", "the kubeconfig has no credentials for this cluster"),
    (
        "error: unable to read client-cert ca.crt for c due to open ca.crt: no such file",
        "Put it into the kubeconfig, by: kubectl config view --raw --flatten",
    ),
]


@pytest.mark.parametrize(("stderr", "said"), COMPLAINTS)
def test_complaints_are_one_line(stderr: str, said: str) -> None:
    assert said in explained(stderr)
    assert "\n" not in explained(stderr)


def test_a_damaged_kubeconfig_is_not_quoted() -> None:
    said = explained(
        "error: error loading config file \"/x\": yaml: unknown anchor 'PASSWORD' referenced"
    )
    assert said == "kubectl cannot read the kubeconfig. Look at it with: kubectl config view"


SHOWN: Final = [
    ("plain \N{LATIN SMALL LETTER E WITH ACUTE}", "plain \N{LATIN SMALL LETTER E WITH ACUTE}"),
    ("\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "red and link"),
    ("\x1b]0;an end that never comes", ""),
    ("  two\r\nlines\t", "two lines"),
    ("bell\x07 back\x08 \x9b31m \u202egnp.exe", "bell\ufffd back\ufffd \ufffd31m \ufffdgnp.exe"),
    ("x" * 10_000_000, "x" * (LONGEST_TEXT - 1) + "…"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN, ids=range(len(SHOWN)))
def test_what_a_cluster_says_is_fit_for_a_terminal(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_output_that_is_no_utf8_is_no_crash(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl", r"printf 'caf\351'; printf 'no \377' >&2; exit $2")
    assert Kubectl([str(command)], {}).run("0") == "caf\ufffd"
    with pytest.raises(TaskError, match=r"^no \ufffd$"):
        Kubectl([str(command)], {}).run("1")


def test_output_that_is_no_json_is_said_in_one_line(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl", "echo Welcome; echo '{}'")
    for ask in (Kubectl([str(command)], {}).json, Kubectl([str(command)], {}).optional):
        with pytest.raises(TaskError, match=r"something else than JSON: Welcome {}\. Is the"):
            ask("get", "x")


def test_a_kubectl_of_another_machine_is_said_in_one_line(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl")
    command.write_bytes(b"\x7fELF of another machine")
    with pytest.raises(TaskError, match=r"kubectl cannot be run: Exec format error$"):
        Kubectl([str(command)], {}).run("get")


def test_nobody_is_asked_for_input(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl", "wc -c")
    assert Kubectl([str(command)], {"PATH": os.environ["PATH"]}).run().strip() == "0"


def test_a_failure_is_kubectls_last_line(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl", "echo first >&2; echo last >&2; exit 3")
    with pytest.raises(TaskError, match=r"^last$"):
        Kubectl([str(command)], {}).run("get", "pods")


def test_no_answer_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REQUEST_TIMEOUT_SECONDS", 0.05)
    command = executable(tmp_path / "kubectl", "exec sleep 20")
    with pytest.raises(TaskError, match=r"the cluster does not answer: no answer within 0\.15"):
        Kubectl([str(command)], {"PATH": os.environ["PATH"]}).run("get", "pods")


def test_arguments_reach_kubectl_as_they_are(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl", 'printf "%s\\n" "$@"')
    said = Kubectl([str(command)], {}).run("get", "a b", "$(reboot)", "")
    assert said.splitlines() == ["--request-timeout=20s", "get", "a b", "$(reboot)", ""]


def test_an_object_that_is_not_there(tmp_path: Path) -> None:
    assert Kubectl([str(executable(tmp_path / "kubectl"))], {}).optional("get", "x") is None
    some = executable(tmp_path / "some", "echo '{}'")
    assert Kubectl([str(some)], {}).optional("get", "x") == {}


def test_rke2s_kubeconfig_serves_where_k3s_is_not(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    k3s, rke2 = tmp_path / "k3s.yaml", executable(tmp_path / "rke2.yaml")
    monkeypatch.setattr(live, "K3S_KUBECONFIG", str(k3s))
    monkeypatch.setattr(live, "RKE2_KUBECONFIG", str(rke2))
    assert not (home / ".kube").exists()
    assert f"KUBECONFIG={rke2}" in seen(tmp_path)
    executable(k3s)
    assert f"KUBECONFIG={k3s}" in seen(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    executable(tmp_path / "bin" / "kubectl", "env; for one; do echo argument $one; done")
    return tmp_path / "home"


def seen(tmp_path: Path, **environment: str) -> list[str]:
    """What kubectl sees of a task's environment and arguments."""
    with connected({"PATH": str(tmp_path / "bin") + ":/usr/bin:/bin", **environment}) as kubectl:
        return kubectl.run("get").splitlines()


def test_k3s_kubeconfig_serves_where_there_is_none(tmp_path: Path, home: Path) -> None:
    assert "KUBECONFIG=/etc/rancher/k3s/k3s.yaml" in seen(tmp_path)
    assert "KUBECONFIG=/mine" in seen(tmp_path, KUBECONFIG="/mine")
    executable(home / ".kube" / "config")
    assert not [line for line in seen(tmp_path) if line.startswith("KUBECONFIG=")]


@pytest.mark.usefixtures("home")
def test_a_context_and_no_data_of_the_task(tmp_path: Path) -> None:
    lines = seen(tmp_path, MULTUS_CONTEXT="lab", MULTUS_WORKLOADS="x")
    assert "argument --context=lab" in lines
    assert not [line for line in lines if line.startswith("MULTUS_")]
