"""A stack's kubeconfig: kubectl reads it, and nothing of it stays, however a task ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

import pytest

from components.cluster_tasks import script
from components.cluster_tasks.kubectl import in_memory, on_disk
from testbed.kubectl import Kubectl
from tests.unit.tasks import executable

SECRET: Final = "canary: 6f1d2b"
# Reads it twice and by a child, as kubectl and its credential programs do; says so, and stays.
KUBECTL: Final = """\
cat "$KUBECONFIG" > "$SEEN/first"
sh -c 'cat "$KUBECONFIG"' > "$SEEN/second"
echo "$KUBECONFIG" > "$SEEN/path"
touch "$SEEN/all"
exec sleep 20
"""
# What another system is like, and a sandbox that forbids files in memory.
ELSEWHERE: Final = "import os\nif hasattr(os, 'memfd_create'): del os.memfd_create\n"
SANDBOX: Final = "import os\ndef no(_): raise PermissionError\nos.memfd_create = no\n"
LINUX: Final = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="Linux has it")
SYSTEMS: Final = [pytest.param("", id="memory", marks=LINUX), ELSEWHERE, SANDBOX]
Way = Callable[[str], AbstractContextManager[str]]
SIGNALS: Final = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The directory of temporary files, and the one in which kubectl says what it saw."""
    scratch, seen = tmp_path / "scratch", tmp_path / "seen"
    scratch.mkdir()
    seen.mkdir()
    executable(tmp_path / "bin" / "kubectl", KUBECTL)
    return scratch, seen


def until(path: Path, *, there: bool) -> None:
    what = f"{path} to {'come' if there else 'go'}"
    Kubectl.wait_for(lambda: path.exists() == there, what, 10, every=0.02)


def _signals_as_usual() -> None:
    """Where the tests run under nohup, or in the background, children would ignore some."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", SIGNALS, ids=[number.name for number in SIGNALS])
@pytest.mark.parametrize("system", SYSTEMS, ids=["memory", "disk", "sandbox"])
def test_nothing_of_it_stays_when_a_task_is_killed(
    folders: tuple[Path, Path], system: str, number: signal.Signals
) -> None:
    scratch, seen = folders
    task = subprocess.Popen(
        [sys.executable, "-I", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=_signals_as_usual,  # noqa: PLW1509 (one thread)
        env={
            "PATH": f"{seen.parent / 'bin'}:/usr/bin:/bin",
            "HOME": str(seen),
            "TMPDIR": str(scratch),
            "SEEN": str(seen),
            "MULTUS_KUBECONFIG": SECRET,
            "MULTUS_NAMESPACES": "data",
        },
    )
    try:
        assert task.stdin is not None
        with task.stdin as pipe:
            pipe.write(system + script("namespaces"))
        until(seen / "all", there=True)
        assert (seen / "first").read_text() == SECRET
        assert (seen / "second").read_text() == SECRET
        path = Path((seen / "path").read_text().strip())
        assert path.exists()
        assert path.is_relative_to(scratch) == bool(system)
        os.kill(task.pid, number)
        task.wait(10)
        until(path, there=False)
        assert list(scratch.iterdir()) == []
    finally:
        with suppress(ProcessLookupError):
            os.killpg(task.pid, signal.SIGKILL)  # kubectl, which goes on


@pytest.mark.parametrize("way", [pytest.param(in_memory, marks=LINUX), on_disk])
def test_only_this_user_can_read_it_and_only_for_as_long_as_it_is_needed(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with way(SECRET) as path:
        assert Path(path).read_text() == SECRET
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert not os.path.lexists(path)
    assert list(tmp_path.iterdir()) == []
