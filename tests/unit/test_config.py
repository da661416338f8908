"""The config of the stack that runs: decoded, checked as a whole, and refused in one error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
import yaml

from components.config import Stack, StackFileError, load_stack

Json = dict[str, Any]
CASES: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "config.yaml").read_text()
)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Loads a case as the CLI hands it over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    # What it really gives is an Output, which would need an engine's loop.
    monkeypatch.setattr(pulumi.Config, "get_secret", lambda _, key: f"secret {key}")

    def load(case: Json) -> Stack:
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(case["config"]))
        monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(case.get("secret", [])))
        return load_stack()

    return load


@pytest.mark.parametrize("case", CASES["taken"].values(), ids=CASES["taken"])
def test_takes(case: Json, load: Any) -> None:
    stack = load(case)
    expected = case.get("args", {})
    assert {key: getattr(stack.args, key) for key in expected} == {
        key: tuple(one) if isinstance(one, list) else one for key, one in expected.items()
    }
    access = case.get("access", {})
    assert stack.access.kubeconfig == access.get("kubeconfig")
    assert stack.access.context == access.get("context")
    assert stack.secret_values == case.get("secret_values", False)


@pytest.mark.parametrize("case", CASES["refused"].values(), ids=CASES["refused"])
def test_refuses_everything_in_one_error_and_shows_no_secret(case: Json, load: Any) -> None:
    with pytest.raises(StackFileError) as caught:
        load(case)
    error = caught.value
    assert isinstance(error, pulumi.RunError)  # which prints without a traceback
    assert [one.sentence for one in error.findings] == case["said"]
    said = str(error).splitlines()
    assert said[0].startswith("stacks/Pulumi.dev.yaml cannot be deployed; nothing was changed: ")
    assert len(said) == 1 + len(case["said"])
    assert "hunter" not in str(error)
