"""Pods without their networks: what `up` says of them, and what it asks for."""

from __future__ import annotations

from typing import Any, Final

import pulumi
import pytest

from tests.component.programs import arguments, program
from tests.component.recorder import Record, run

LINE: Final = "default/web-1 (of Deployment web) has no default/lan"
LACKING: Final = {"total": 2, "fresh": 2, "lines": [LINE], "restarted": []}
AWAY: Final = {"unseen": "the cluster does not answer: EOF"}


def ended(decision: str, looked: Any, *, preview: bool = False) -> Record:
    found = Record(missed=LACKING, looked=looked)
    return run(program(arguments(missed=decision)), preview=preview, record=found)


def warned(record: Record) -> list[str]:
    return [text for level, text in record.said if level == "warn"]


def test_those_of_the_run_are_restarted() -> None:
    record = ended("restart", {"before": [], "starting": []})
    assert record.decisions == ["look", "restart"]
    [said] = warned(record)
    assert "2 pods run without networks that they ask for, 2 of 2 since this run began:\n" in said


def test_where_the_look_before_failed_nobody_knows_since_when_and_none_is_restarted() -> None:
    record = ended("restart", AWAY)
    assert record.decisions == ["look", "warn"]
    [said] = warned(record)
    assert said == (
        "2 pods run without networks that they ask for, nobody knows since when, for the look "
        "before this run failed (the cluster does not answer: EOF):\n"
        f"  {LINE}\n  and 1 more, which multus-k3s doctor lists"
    )


def test_a_run_that_is_to_fail_does_so_too() -> None:
    with pytest.raises(pulumi.RunError, match="everything is deployed, but 2 pods run without"):
        ended("fail", AWAY)


def test_nobody_looks_at_preview() -> None:
    assert ended("restart", AWAY, preview=True).decisions == []
