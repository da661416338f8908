"""Namespaces: made where they are missing, waited for where they go, never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.live.kubectl import Kubectl, TaskError
from components.live.namespaces import make
from tests.unit.test_live_wait import Clock

Json = dict[str, Any]
ACTIVE: Json = {"metadata": {"name": "x"}, "status": {"phase": "Active"}}
GOING: Json = {
    "metadata": {"name": "x", "deletionTimestamp": "2026-05-04T10:11:12Z"},
    "status": {
        "phase": "Terminating",
        "conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "fine"},
            {
                "type": "NamespaceFinalizersRemaining",
                "status": "True",
                "message": "Some content has finalizers remaining: \x1b[1mx/y in 1 instances.",
            },
        ],
    },
}


class Fake(Kubectl):
    """Has what `there` says at a time; keeps what it is told to make, and with what answer."""

    def __init__(self, there: Callable[[str, float], Json | None], answer: str = "") -> None:
        super().__init__([], {})
        self.clock = Clock()
        self.there = there
        self.answer = answer
        self.made: list[tuple[str, float]] = []

    def run(self, *arguments: str) -> str:
        match arguments:
            case ("get", "namespace", name, "-o", "json", "--ignore-not-found"):
                live = self.there(name, self.clock.now)
                return "" if live is None else json.dumps(live)
            case ("create", "namespace", name):
                self.made.append((name, self.clock.now))
                if self.answer:
                    raise TaskError(self.answer)
                return ""
        raise AssertionError(arguments)

    def make(self, *names: str, timeout: str | None = "30") -> str:
        environment = {"MULTUS_NAMESPACES": ",".join(names)}
        if timeout is not None:
            environment["MULTUS_TIMEOUT"] = timeout
        return make(self, environment, self.clock, self.clock.sleep)


def test_the_missing_ones_are_made_and_no_other() -> None:
    fake = Fake(lambda name, _: ACTIVE if name == "there" else None)
    assert fake.make("data", "there") == "namespace data made"
    assert fake.made == [("data", 0)]
    assert fake.make("there") == "nothing to do"


def test_one_that_is_being_deleted_is_made_when_it_is_gone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = Fake(lambda _, now: GOING if now < 9 else None)
    assert fake.make("data") == "namespace data made"
    assert fake.made == [("data", 10)]
    assert capsys.readouterr().out == ("namespace data is being deleted; waiting for its end\n")


def test_one_that_does_not_go_is_named_with_what_holds_it() -> None:
    fake = Fake(lambda _, __: GOING)
    with pytest.raises(TaskError) as caught:
        fake.make("data")
    assert fake.clock.now == 30
    assert str(caught.value) == (
        "namespace data is still being deleted after 30 s: Some content has finalizers remaining: "
        "x/y in 1 instances. See what holds it, with kubectl get namespace data -o yaml, and run "
        "pulumi up again when it is gone"
    )


def test_the_time_is_for_all_of_them_and_five_minutes_where_none_is_given() -> None:
    fake = Fake(lambda name, now: GOING if name == "b" or now < 20 else None)
    with pytest.raises(TaskError, match="namespace b is still being deleted after 300 s"):
        fake.make("a", "b", timeout=None)
    assert fake.made == [("a", 20)]
    assert fake.clock.now == 300


def test_somebody_who_was_quicker_is_as_good() -> None:
    fake = Fake(lambda *_: None, 'Error from server (AlreadyExists): namespaces "data" exists')
    assert fake.make("data") == "nothing to do"
    fake = Fake(lambda *_: None, "Error from server (Forbidden): namespaces is forbidden")
    with pytest.raises(TaskError, match="Forbidden"):
        fake.make("data")
