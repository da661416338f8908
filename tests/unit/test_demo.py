"""What the demo says to a stack file that cannot be used: one line, before it ends anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.config import StackFileError
from testbed import demo
from testbed.results import Result

GOOD = "config:\n  multus:cluster: {distribution: k3s, version: v1.34.2+k3s1, nodes: single}\n"
IPAM = "  multus:ipam: host-local\n"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    file = tmp_path / "stacks" / "Pulumi.dev.yaml"
    file.parent.mkdir()
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + IPAM + IPAM, "dev.yaml:4: error: that is no YAML: multus:ipam is there twice"),
        ("", "a stack file is a mapping with a mapping called config in it"),
        (GOOD + "  multus:extraValues: {secure: v1:AAAA}\n", "multus:extraValues is a secret"),
    ],
)
def test_a_file_that_is_no_stack_is_refused_in_one_line(stack: Path, text: str, said: str) -> None:
    stack.write_text(text)
    with pytest.raises(demo.DemoError) as refused:
        demo.settings("dev")
    assert said in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_stack_that_is_not_there_is_refused_with_those_that_are(stack: Path) -> None:
    stack.write_text(GOOD + IPAM)
    with pytest.raises(demo.DemoError, match=r"no stacks/Pulumi\.prd\.yaml\. There are: dev$"):
        demo.settings("prd")


def test_what_only_secrets_need_is_left_out(stack: Path) -> None:
    """A salt without its passphrase ends every operation."""
    stack.write_text("encryptionsalt: v1:AAAA\n" + GOOD + IPAM)
    assert set(demo.document("dev")) == {"config"}
    assert demo.settings("dev").ipam == "host-local"


def test_a_faulty_stack_does_not_end_the_demo_that_runs(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(demo, "down", lambda: ended.append(True))
    stack.write_text("config:\n  multus:ipam: dhcp\n")
    with pytest.raises(StackFileError, match="multus:cluster is missing"):
        demo.up("dev")
    assert ended == []


@pytest.mark.parametrize(("what", "ends"), [("preview", False), ("up", True)])
def test_ctrl_c_ends_what_it_interrupts_and_no_more(
    what: str, *, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> int:
        raise KeyboardInterrupt

    ended: list[bool] = []
    monkeypatch.setattr(demo, "down", lambda: ended.append(True))
    monkeypatch.setattr(demo, what, interrupted)
    monkeypatch.setattr("sys.argv", ["demo", what])
    assert demo.main() == 130
    assert bool(ended) is ends


def test_what_the_cli_says_before_the_program_runs_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "out", Console(highlight=False, soft_wrap=True))
    said = "error: validating stack config: 'multus:ipam' must be of type 'string'"
    nothing: dict[str, Any] = {"stdout": "", "program_output": "", "summary": {}, "outputs": {}}
    nothing |= dict.fromkeys(("steps", "failed", "diagnostics"), ())
    result = Result(
        "preview",
        ok=False,
        stderr=said,
        secret_outputs=frozenset(),
        seconds=1,
        written=0,
        **nothing,
    )
    demo._report(result)
    assert capsys.readouterr().out == said + "\n"
