"""Looking for tools and building them, with programs made up for the purpose: no toolchain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed import building, tools
from testbed.building import ToolError
from testbed.kubectl import Kubectl
from testbed.toolsets import TOOLSETS

SETS = {toolset.name: toolset for toolset in TOOLSETS}
TRIO = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")

# Answers as Go does; what `build` does is given by FAKE_GO.
GO = """#!/bin/sh
case "$1" in
  env) echo "${FAKE_GO_VERSION:-go1.26.1}"; exit 0;;
  build) ;;
  *) exit 9;;
esac
case "$FAKE_GO" in
  fail) echo "go: downloading x v1"; echo "x.go:1: undefined: y" >&2; exit 1;;
  hang) touch "$FAKE_GO_BEGAN"; sleep 60;;
esac
while [ "$1" != "-o" ]; do shift; done
out="$2"; shift 2
case "$out" in
  */) for p in "$@"; do echo built > "$out${p##*/}"; done;;
  *) echo built > "$out";;
esac
"""


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def _says(path: Path, version: str) -> Path:
    return _program(path, f"#!/bin/sh\necho '{path.name} version v{version}'\n")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that comes first on PATH, before the shell's own; and an empty cache."""
    directory = tmp_path / "path"
    directory.mkdir()
    shell = tmp_path / "shell"
    shell.mkdir()
    for name in ("sh", "sleep", "touch"):
        (shell / name).symlink_to(Path("/bin") / name)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{shell}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return directory


def _found(toolset: str) -> dict[str, tools.Used]:
    return {used.name: used for used in tools.find_on_path(SETS[toolset])}


def test_a_tool_on_path_is_used_in_its_own_version(path: Path) -> None:
    _says(path / "etcd", "3.5.9")
    assert _found("etcd")["etcd"] == tools.Used("etcd", "PATH", path / "etcd", "3.5.9")


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\necho 'etcd Version: 3.4.9'\n",
        "#!/bin/sh\necho 'etcd Version: 3.6.0'\nexit 1\n",
        "#!/bin/sh\necho 'cannot find libc'\n",
        "#!/does/not/exist\n",
    ],
    ids=["too old", "fails", "says no version", "cannot be run"],
)
def test_a_tool_that_does_not_serve_is_passed_over(path: Path, text: str) -> None:
    _program(path / "etcd", text)
    assert _found("etcd") == {}


def test_a_tool_that_serves_is_found_behind_one_that_does_not(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _says(path / "etcd", "3.1.0")
    behind = _says(tmp_path / "behind" / "etcd", "3.6.5")
    monkeypatch.setenv("PATH", os.pathsep.join((os.environ["PATH"], str(behind.parent))))
    assert _found("etcd")["etcd"].path == behind


def test_a_file_that_is_no_program_is_passed_over(path: Path) -> None:
    _says(path / "etcd", "3.6.5").chmod(0o644)
    assert _found("etcd") == {}


def test_the_control_plane_comes_from_one_place_in_one_version(path: Path) -> None:
    for name in TRIO:
        _says(path / name, "1.34.2")
    assert set(_found("kubernetes")) == set(TRIO)
    _says(path / "kube-scheduler", "1.33.0")
    assert _found("kubernetes") == {}


def test_the_control_plane_is_not_pieced_together(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _says(path / "kube-apiserver", "1.34.2")
    other = tmp_path / "other"
    for name in TRIO[1:]:
        _says(other / name, "1.34.2")
    monkeypatch.setenv("PATH", os.pathsep.join((os.environ["PATH"], str(other))))
    assert _found("kubernetes") == {}
    _says(other / "kube-apiserver", "1.34.2")
    assert {found.path for found in _found("kubernetes").values()} == {other / one for one in TRIO}


def test_kubectl_may_come_from_path_though_the_control_plane_does_not(path: Path) -> None:
    _program(path / "kubectl", '#!/bin/sh\n[ "$1" = version ] && echo "Client Version: v1.32.4"\n')
    assert _found("kubernetes")["kubectl"].version == "1.32.4"


@pytest.mark.parametrize("name", ["cni-parser", "cni-plugins", "multus", "whereabouts"])
def test_what_the_chart_pins_is_never_taken_from_path(path: Path, name: str) -> None:
    for tool in SETS[name].tools:
        _says(path / tool.name, "99.0.0")
    assert _found(name) == {}


def test_the_summary_says_what_is_real(path: Path, tmp_path: Path) -> None:
    _says(path / "pulumi-language-python", "3.255.0")
    pairs = (("etcd", "3.6.5"), ("kubelet", "1.34.2"), ("kube-proxy", "1.34.2"))
    built = (tools.Used(name, "built", tmp_path / name, number) for name, number in pairs)
    found = tools.Tools((*built, *tools._plugins()))
    assert found.has_language_host
    assert found.summary() == [
        "real, built here: etcd 3.6.5; kubelet, kube-proxy 1.34.2",
        "pulumi-resource-command: stand-in (testbed/plugins/command), none on PATH",
        f"pulumi-language-python: real, from PATH official ({path / 'pulumi-language-python'})",
    ]


def test_linking_leaves_path_tools_on_path_and_makes_the_stand_in(
    path: Path, tmp_path: Path
) -> None:
    built = _says(tmp_path / "built" / "etcd", "3.6.5")
    used = (
        tools.Used("etcd", "built", built, "3.6.5"),
        tools.Used("kubectl", "PATH", path / "kubectl", "1.34.2"),
        tools.Used(tools.COMMAND_PLUGIN, "stand-in", None, ""),
    )
    directory = tools.Tools(used).link(tmp_path / "bin")
    assert {entry.name for entry in directory.iterdir()} == {"etcd", tools.COMMAND_PLUGIN}
    assert (directory / "etcd").resolve() == built.resolve()
    assert sys.executable in (directory / tools.COMMAND_PLUGIN).read_text()


@pytest.mark.usefixtures("path")
def test_without_go_the_error_is_one_line_with_the_fix() -> None:
    with pytest.raises(ToolError) as error:
        building.build(SETS["etcd"])
    assert str(error.value) == (
        "Go is needed to build the testbed's tools and is not on PATH: "
        "install Go 1.25 or later from https://go.dev/dl and put it on PATH"
    )


def test_an_old_go_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(path / "go", GO)
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.24.9")
    with pytest.raises(ToolError, match=r"^Go 1\.24\.9 is too old .* install Go 1\.25 or later"):
        building.build(SETS["etcd"])


def test_a_set_is_built_once_and_says_so(path: Path) -> None:
    _program(path / "go", GO)
    said: list[str] = []
    first = building.build(SETS["whereabouts"], report=said.append)
    assert {program.name for program in first.iterdir()} == {
        "whereabouts",
        "controlloop",
        "reconciler",
        "nodeslicecontroller",
    }
    names = "whereabouts, controlloop, reconciler, nodeslicecontroller"
    assert said[0].startswith(f"building whereabouts 0.9.4 ({names})")
    assert said[1].startswith("built whereabouts 0.9.4 in ")
    assert building.build(SETS["whereabouts"], report=said.append) == first
    assert len(said) == 2


def test_another_compiler_builds_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(path / "go", GO)
    first = building.build(SETS["etcd"], report=lambda _: None)
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.27.0")
    assert building.build(SETS["etcd"], report=lambda _: None) != first


def test_a_failed_build_is_one_error_and_leaves_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(path / "go", GO)
    monkeypatch.setenv("FAKE_GO", "fail")
    with pytest.raises(ToolError) as error:
        building.build(SETS["etcd"], report=lambda _: None)
    assert "cannot build etcd 3.6.5" in str(error.value)
    assert str(error.value).endswith("\n  x.go:1: undefined: y")
    assert "downloading" not in str(error.value)
    assert [e.name for e in (tmp_path / "cache" / "multus-testbed").iterdir()] == [".lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "cancelled"])
def test_an_interrupted_build_ends_the_compiler_and_leaves_nothing(
    path: Path, tmp_path: Path, number: signal.Signals
) -> None:
    _program(path / "go", GO)
    began = tmp_path / "began"
    environment = {**os.environ, "FAKE_GO": "hang", "FAKE_GO_BEGAN": str(began)}
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed.tools", "build", "--only", "lint"],
        cwd=tools.ROOT,
        env=environment,
        stderr=subprocess.PIPE,
    )
    Kubectl.wait_for(began.exists, "the compiler", 10, every=0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode != 0
    assert b"Traceback" not in said
    assert [e.name for e in (tmp_path / "cache" / "multus-testbed").iterdir()] == [".lock"]


def test_two_runs_do_not_build_at_once(path: Path, tmp_path: Path) -> None:
    _program(path / "go", GO)
    said: list[str] = []
    with building._only_build(said.append):
        other = subprocess.Popen(
            [sys.executable, "-m", "testbed.tools", "build", "--only", "lint"],
            cwd=tools.ROOT,
            env={**os.environ},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert other.stderr is not None
        assert "another run is building tools" in other.stderr.readline()
        assert not list((tmp_path / "cache" / "multus-testbed").glob("actionlint-*"))
    assert other.wait(20) == 0
    other.stderr.close()
