"""Stack files: what is read of them, the line of every path, and one line for what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.findings import Finding
from components.stack_file import read_stack_file
from components.yaml_file import UnreadableError, read_text

CASES: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "stack_files.yaml").read_text()
)
LINES: Final = CASES["lines"]


def bomb(form: str) -> str:
    """Aliases of aliases: each line stands for nine of the line before."""
    lines = [f"a{n}: &a{n} {form % ', '.join([f'*a{n - 1}'] * 9)}" for n in range(1, 12)]
    return "\n".join(["a0: &a0 {x: y}", *lines])


HUGE: Final = {
    "deep lists": ("[" * 10**6, "nested more than 64 levels deep"),
    "deep mappings": ("{a: " * 10**6, "nested more than 64 levels deep"),
    "deep blocks": ("- " * 10**6, "nested more than 64 levels deep"),
    "aliases of aliases": (bomb("[%s]"), "it holds more than 500000 values"),
    "merged aliases": (bomb("{<<: [%s]}"), "it holds more than 500000 values"),
}


@pytest.mark.parametrize(("text", "said"), CASES["unreadable"].values(), ids=CASES["unreadable"])
def test_says_in_one_line_why_it_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read_stack_file(text, "f")
    assert str(error.value) == said


@pytest.mark.parametrize(("text", "said"), HUGE.values(), ids=HUGE)
def test_what_would_take_all_memory_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        read_stack_file(text, "f")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "error: there is no such file"),
        (b"config:\n  a: \xff", ":2: error: that is no text in UTF-8"),
        (b"#" * (10 * 1024 * 1024 + 1), "error: the file has more than 10 MB"),
    ],
)
def test_files_that_hold_no_text(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "f").write_bytes(content)
    with pytest.raises(UnreadableError) as error:
        read_text(tmp_path / "f", "f")
    assert said in str(error.value)


@pytest.mark.parametrize(("text", "value"), CASES["scalars"])
def test_scalars_are_what_the_cli_takes_them_for(text: str, value: Any) -> None:
    [found] = read_stack_file(f"config: {{x:a: {text}}}", "f").config.values()
    assert (found, type(found)) == (value, type(value))


def test_a_key_without_a_namespace_is_the_projects_own() -> None:
    file = read_stack_file("config: {ipam: dhcp, aws:region: eu, off: {on: 1}}", "f")
    assert file.config == {"multus:ipam": "dhcp", "aws:region": "eu", "multus:off": {"on": 1}}


def test_secrets_are_told_from_mappings() -> None:
    text = (
        "config: {a: {secure: x}, b: {c: [{secure: x}]}, d: {secure: x, e: f}, aws:g: {secure: x}}"
    )
    assert read_stack_file(text, "f").secret_keys == ("a", "b")


@pytest.mark.parametrize(("path", "begin"), LINES["paths"], ids=lambda one: str(one)[:60])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_lines(path: list[str | int], begin: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbf" + LINES["text"].replace("\n", end).encode())
    file = read_stack_file(tmp_path / "f", "f")
    line = LINES["text"].split("\n")[(file.locate(Finding(tuple(path), "")).line or 0) - 1]
    assert line.strip().startswith(begin)


def test_findings_get_file_and_line() -> None:
    file = read_stack_file("config:\n  multus:ipam: x", "f")
    one = file.locate(Finding(("multus:ipam",), "it is wrong", "x"))
    assert str(one) == 'f:2: error: multus:ipam is "x", but it is wrong [shape]'
