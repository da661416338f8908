"""The reconciler's schedule: what its parser takes, in words where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.schedule import DEFAULT, EXAMPLE, Schedule
from testbed.charts import oracle

ADAPTER: TypeAdapter[str] = TypeAdapter(Schedule)

SOUND = [
    DEFAULT,
    EXAMPLE,
    "* * * * *",
    "0 0 1 1 ?",
    "0,15,30,45 0-6,18-23/2 * JAN-mar,12 Mon-FRI",
    "5/20 4 31 * *",
    "0 4 29 2 *",
    "0 4 30 2 1",  # or on each Monday of February
    "59 23 31 12 6",
]


@pytest.mark.parametrize("text", SOUND)
def test_takes(text: str) -> None:
    assert ADAPTER.validate_python(text) == text


def test_blanks_are_one() -> None:
    assert ADAPTER.validate_python(" 0   4 * *\t* ") == "0 4 * * *"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has five fields"),
        ("* * * *", "has five fields"),
        ("0 * * * * *", "has five fields"),
        ("@hourly", "has five fields"),
        ("@every 10m", "has five fields"),
        ("60 * * * *", '"60" is no minute: that is 0 to 59'),
        ("* 24 * * *", "is no hour"),
        ("* * 0 * *", "is no day of the month"),
        ("* * * 13 *", "is no month: that is 1 to 12 or jan to dec"),
        ("* * * * 7", "is no day of the week: that is 0 to 6 or sun to sat"),
        ("*/0 * * * *", "is no minute"),
        ("*/90 * * * *", "is no minute"),
        ("5-1 * * * *", "is no minute"),
        ("1,,2 * * * *", "is no minute"),
        ("1-2-3 * * * *", "is no minute"),
        ("*-5 * * * *", "is no minute"),
        ("-1 * * * *", "is no minute"),
        ("1.5 * * * *", "is no minute"),
        ("0 4 30 2 *", "never comes"),
        ("0 4 31 2,4,jun ?", "never comes"),
        (30, "YAML read it as a number"),
        (None, "nothing stands there"),
    ],
)
def test_refuses(text: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(text)
    assert said in str(caught.value)


def test_the_default_is_the_charts() -> None:
    schedules = {
        entry["facts"]["data"]["cron-expression"]
        for entry in oracle.read()["objects"].values()
        if entry["object"].startswith("ConfigMap ") and "cron-expression" in entry["facts"]["data"]
    }
    assert schedules == {DEFAULT}
