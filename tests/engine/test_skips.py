"""A test of this folder that is skipped for want of a tool fails where the tool can be had."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import NOT_FOR_TOOLS, pytest_runtest_makereport

FOLDER = Path(__file__).parent


def reported(item: Any, reason: str) -> str:
    """What becomes of a test that skips itself."""
    call = pytest.CallInfo.from_call(lambda: pytest.skip(reason), "call")
    report = pytest.TestReport.from_item_and_call(item, call)
    assert report.outcome == "skipped"
    hook = pytest_runtest_makereport(item, call)
    next(hook)
    try:
        hook.send(report)
    except StopIteration as done:
        return str(done.value.outcome)
    raise AssertionError("the hook goes on")


def test_with_go_a_skip_is_a_failure(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there, outcome in (("/usr/bin/go", "failed"), (None, "skipped")):
        monkeypatch.setattr(shutil, "which", lambda _, there=there: there)
        assert reported(request.node, "no kubectl here") == outcome


def test_it_holds_in_all_of_this_folder(request: pytest.FixtureRequest) -> None:
    """Where pytest finds the hook is where it holds."""
    plugins = [plugin for _, plugin in request.config.pluginmanager.list_name_plugin()]
    holders = [
        Path(str(getattr(plugin, "__file__", ""))).parent
        for plugin in plugins
        if getattr(plugin, "pytest_runtest_makereport", None) is pytest_runtest_makereport
    ]
    assert holders == [FOLDER]


@pytest.mark.parametrize("reason", NOT_FOR_TOOLS)
def test_what_no_tool_mends_stays_a_skip(reason: str, request: pytest.FixtureRequest) -> None:
    assert reported(request.node, reason) == "skipped"
    # And only what is there: a reason that no test gives any more is taken off the list.
    texts = [path.read_text() for path in FOLDER.rglob("test_*.py")]
    assert any(f'"{reason}"' in text for text in texts)
