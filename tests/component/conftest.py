"""What surrounds a program on this machine: kubectl's own kubeconfig, for cluster "here"."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.component.recorder import kubeconfig


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def preview(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig("here", "other"))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return path
