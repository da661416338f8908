"""kubectl: found, pointed at the right cluster, and its errors in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest

from components.cluster_tasks import kubectl as shared
from components.cluster_tasks import script
from components.cluster_tasks.kubectl import Kubectl, TaskError, connected, explained, one_line
from tests.unit.tasks import cases, executable, run


@pytest.mark.parametrize("case", cases("kubectl"))
def test_errors_are_one_line_with_the_fix(case: dict[str, str]) -> None:
    said = explained(case["stderr"])
    assert "\n" not in said
    assert said == case["all"] if "all" in case else case["says"] in said


# Text of a cluster -> what of it reaches a terminal.
SHOWN: Final = [
    ("plain é", "plain é"),
    ("\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "red and link"),
    ("\x1b]0;an end that never comes", ""),
    ("  two\r\nlines\t", "two lines"),
    ("bell\x07 back\x08 \x9b31m \u202egnp.exe", "bell\ufffd back\ufffd \ufffd31m \ufffdgnp.exe"),
    ("x" * 10_000_000, "x" * 499 + "…"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN, ids=range(len(SHOWN)))
def test_text_of_a_cluster_is_fit_for_a_terminal(text: str, shown: str) -> None:
    assert one_line(text) == shown


# (what is on PATH, in order of folders) -> what is run
FINDS: Final = [
    (["a/kubectl"], ["a/kubectl"]),
    (["a/k3s"], ["a/k3s", "kubectl"]),
    (["a/k3s", "b/kubectl"], ["b/kubectl"]),
    (["rke2/kubectl"], ["rke2/kubectl"]),
    (["a/k3s", "rke2/kubectl"], ["a/k3s", "kubectl"]),
]


@pytest.mark.parametrize(("there", "command"), FINDS)
def test_is_found(
    there: list[str], command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "RKE2_KUBECTL", str(tmp_path / "rke2" / "kubectl"))
    for name in there:
        executable(tmp_path / name)
    path = f"{tmp_path / 'a'}:{tmp_path / 'b'}"
    assert shared.found({"PATH": path}) == [str(tmp_path / command[0]), *command[1:]]


def called(tmp_path: Path, body: str, *arguments: str, timeout: float = 20) -> str:
    command = executable(tmp_path / "kubectl", body)
    return Kubectl([str(command)], {"PATH": os.environ["PATH"]}, timeout).run(*arguments)


# What kubectl does -> what is said.
FAILURES: Final = {
    r"printf 'no \377' >&2; exit 1": "no \ufffd",
    "echo Welcome": "kubectl printed something else than JSON: Welcome. Is the kubectl on PATH a "
    "script that prints more?",
    "exec sleep 20": "the cluster does not answer: no answer within 0.6 s. Check that it runs and "
    "that KUBECONFIG (or multus:kubeconfig) names it",
}


@pytest.mark.parametrize("body", FAILURES)
def test_a_failure_is_one_line(body: str, tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        shared.parsed(called(tmp_path, body, timeout=0.2))
    assert str(caught.value) == FAILURES[body]


def test_a_kubectl_of_another_machine_is_said_in_one_line(tmp_path: Path) -> None:
    command = executable(tmp_path / "kubectl")
    command.write_bytes(b"\x7fELF of another machine")
    with pytest.raises(TaskError, match=r"kubectl cannot be run: Exec format error$"):
        Kubectl([str(command)], {}).run("get")


def test_arguments_reach_kubectl_as_they_are_and_nobody_is_asked(tmp_path: Path) -> None:
    said = called(tmp_path, 'wc -c; printf "%s\\n" "$@"', "get", "a b", "$(reboot)", "").split("\n")
    assert said == ["0", "--request-timeout=20s", "get", "a b", "$(reboot)", "", ""]


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What kubectl sees of a task's environment and arguments."""
    executable(tmp_path / "bin" / "kubectl", "env; for one; do echo argument $one; done")
    monkeypatch.setattr(shared, "K3S_KUBECONFIG", str(tmp_path / "k3s.yaml"))
    monkeypatch.setattr(shared, "RKE2_KUBECONFIG", str(tmp_path / "rke2.yaml"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def look(**environment: str) -> list[str]:
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        with connected({"PATH": path, "HOME": os.environ["HOME"], **environment}) as kubectl:
            return kubectl.run("get").splitlines()

    return look


def kubeconfig(lines: list[str]) -> str | None:
    return next((one.partition("=")[2] for one in lines if one.startswith("KUBECONFIG=")), None)


def test_the_servers_kubeconfig_serves_where_kubectl_has_none(seen: Any, tmp_path: Path) -> None:
    rke2 = executable(tmp_path / "rke2.yaml")
    assert kubeconfig(seen()) == str(rke2)
    k3s = executable(tmp_path / "k3s.yaml")
    assert kubeconfig(seen()) == str(k3s)
    assert kubeconfig(seen(HOME="")) == str(k3s)
    assert kubeconfig(seen(KUBECONFIG="/mine")) == "/mine"
    assert kubeconfig(seen(KUBERNETES_SERVICE_HOST="10.43.0.1")) is None
    executable(tmp_path / "home" / ".kube" / "config")
    assert kubeconfig(seen()) is None


def test_a_given_kubeconfig_is_a_path_or_content(seen: Any, tmp_path: Path) -> None:
    file = executable(tmp_path / "home" / "mine.yaml")
    for given in (str(file), "~/mine.yaml"):
        assert kubeconfig(seen(MULTUS_KUBECONFIG=given)) == str(file)
    for content in ("apiVersion: v1\nkind: Config\n", '{"kind": "Config"}'):
        assert kubeconfig(seen(MULTUS_KUBECONFIG=content)) not in (None, str(file))
    with pytest.raises(TaskError, match=r"^there is no kubeconfig /nowhere/at-all where Pulumi"):
        seen(MULTUS_KUBECONFIG="/nowhere/at-all")


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 12345"), RuntimeError()])
def test_a_user_without_a_home_directory(
    error: Exception, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A uid of nobody's, as in a container: Python 3.9 raises the one, later ones the other."""

    def nobody(_: Path) -> Path:
        raise error

    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(TaskError, match=r"^~/mine.yaml: this user has no home directory. Set HOME"):
        seen(MULTUS_KUBECONFIG="~/mine.yaml")


def test_names_in_the_kubeconfig_and_no_data_of_the_task(seen: Any) -> None:
    lines = seen(MULTUS_CONTEXT="lab", MULTUS_CLUSTER="edge", MULTUS_WORKLOADS="x")
    assert [one for one in lines if "=" in one and one.startswith("argument")] == [
        "argument --context=lab",
        "argument --cluster=edge",
        "argument --request-timeout=20s",
    ]
    assert not [line for line in lines if line.startswith("MULTUS_")]


def test_without_kubectl_a_task_says_so_in_one_line(tmp_path: Path) -> None:
    done = run(script("readiness"), PATH=str(tmp_path))
    said = "neither kubectl nor k3s is on PATH. Install kubectl where Pulumi runs\n"
    assert (done.returncode, done.stderr) == (1, said)
