"""Findings as a person reads them: one line, bounded, whatever stands in a key or value."""

from __future__ import annotations

from typing import Any

import pytest

from components.findings import LONGEST_VALUE, Finding, Severity, counted, dotted, printable
from components.parse import parse
from components.plain import DEEPEST


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain é 網", "plain é 網"),
        ("two\nlines", "two\\u000alines"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\u2028b\u0085c", "a\\u2028b\\u0085c"),
        ("right to left \u202e", "right to left \\u202e"),
        ("half a pair \ud800", "half a pair \\ud800"),
    ],
)
def test_what_does_not_print_is_written_as_its_code(text: str, printed: str) -> None:
    assert printable(text) == printed
    assert str(Finding(("key",), text)) == f"error: key {printed} [shape]"


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
    assert len(str(Finding(("k" * 10_000,), "no", value))) < 3 * LONGEST_VALUE


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


def test_nesting_beyond_reason_is_a_finding_and_no_traceback() -> None:
    raw = [{"name": "a", "type": "raw", "config": nested(900)}]
    for key, value in (("extraValues", nested(900)), ("networks", raw)):
        said = [str(one) for one in parse({"ipam": "dhcp", key: value}).findings]
        assert any(f"multus:{key}" in one and "nested" in one for one in said), said


def test_control_nesting_within_reason_is_no_such_finding() -> None:
    found = parse({"ipam": "dhcp", "extraValues": nested(DEEPEST)}).findings
    assert not any("nested" in str(one) for one in found)


def test_a_finding_has_its_place_before_it_and_its_rule_behind() -> None:
    one = Finding(("a", 0), "no", 5, "some-rule", Severity.WARNING, "stacks/x.yaml", 7)
    assert str(one) == "stacks/x.yaml:7: warning: a[0] is 5, but no [some-rule]"


def test_they_are_counted_in_words() -> None:
    found = [Finding((), "", severity=one) for one in (*Severity, Severity.NOTE)]
    assert counted(found) == "1 error, 1 warning and 2 notes"
    assert counted(found[:1]) == "1 error"
    assert counted([]) == "no findings"
