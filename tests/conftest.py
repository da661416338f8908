"""Shared by all tests: goldens, and nothing of the user's in the environment."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.used import USED

# What would make a test reach a real cluster or a real stack.
DANGEROUS = ("KUBECONFIG", "PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite the golden files")


def pytest_configure() -> None:
    """Take ctrl-C again where it is ignored, as in the background of a shell.

    Children inherit that, and tests that interrupt a child would wait in vain.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of xdist has ended: what it used is part of the summary."""
    USED.update(getattr(node, "workeroutput", {}).get("used", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["used"] = USED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which parts were real, at the end of every run that used any."""
    for title, lines in USED.items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture(autouse=True)
def _nothing_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DANGEROUS:
        monkeypatch.delenv(name, raising=False)
