"""Faults as a person reads them: one line, bounded, whatever stands in a key or value."""

from __future__ import annotations

from typing import Any

import pytest

from components.faults import LONGEST_VALUE, Fault, FaultsError, dotted, printable
from components.model import DEEPEST
from components.settings import parse


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain é 網", "plain é 網"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u2028b\u0085c", "a\\u2028b\\x85c"),
        ("right to left \u202e", "right to left \\u202e"),
        ("half a pair \ud800", "half a pair \\ud800"),
    ],
)
def test_what_does_not_print_is_written_as_its_code(text: str, printed: str) -> None:
    assert printable(text) == printed
    assert str(Fault(("key",), text)).endswith(printed)
    assert str(FaultsError([Fault((), text)])) == printed


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("multus:networks", 2, "ipam", "range"), "multus:networks[2].ipam.range"),
        (("extraValues", "image.tag"), 'extraValues["image.tag"]'),
        (("extraValues", "", "x y"), 'extraValues[""]["x y"]'),
        (("extraValues", "rke2-whereabouts", "cniConf"), "extraValues.rke2-whereabouts.cniConf"),
    ],
)
def test_a_key_that_could_be_taken_for_another_is_quoted(
    path: tuple[str | int, ...], text: str
) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize("value", ["x" * 10_000, ["y"] * 10_000, {"z" * 10_000: 1}])
def test_a_line_is_bounded(value: Any) -> None:
    assert len(str(Fault(("k" * 10_000,), "no", value))) < 3 * LONGEST_VALUE


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


def test_nesting_beyond_reason_is_a_fault_and_no_traceback() -> None:
    for key in ("extraValues", "networks", "cluster"):
        _, faults = parse({"ipam": "dhcp", key: nested(900)})
        assert f"multus:{key} is nested more than {DEEPEST} levels deep" in map(str, faults)


def test_control_nesting_within_reason_is_no_such_fault() -> None:
    _, faults = parse({"ipam": "dhcp", "extraValues": nested(DEEPEST)})
    assert not any("nested" in str(fault) for fault in faults)
