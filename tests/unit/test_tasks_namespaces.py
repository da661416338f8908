"""Namespaces and the schedule: written where they differ, waited for, never more than that."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.cluster_tasks.kubectl import Kubectl, TaskError
from components.cluster_tasks.namespaces import create_all
from components.cluster_tasks.schedule import write
from tests.unit.tasks import Clock

Json = dict[str, Any]
ACTIVE: Json = {"metadata": {"name": "x"}, "status": {"phase": "Active"}}
REASON = "Some content has finalizers remaining: \x1b[1mx/y in 1 instances."
GOING: Json = {
    "metadata": {"name": "x", "deletionTimestamp": "2026-05-04T10:11:12Z"},
    "status": {
        "conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "fine"},
            {"type": "NamespaceFinalizersRemaining", "status": "True", "message": REASON},
        ],
    },
}


class Namespaces(Kubectl):
    """Has what `there` says at a time; keeps what it is told to create."""

    def __init__(self, there: Callable[[str, float], Json | None], failure: str = "") -> None:
        super().__init__([], {})
        self.clock = Clock()
        self.there = there
        self.failure = failure
        self.created: list[tuple[str, float]] = []

    def run(self, *arguments: str) -> str:
        match arguments:
            case ("get", "namespace", name, "-o", "json", "--ignore-not-found"):
                live = self.there(name, self.clock.now)
                return "" if live is None else json.dumps(live)
            case ("create", "namespace", name):
                if self.failure:
                    raise TaskError(self.failure)
                self.created.append((name, self.clock.now))
                return ""
        raise AssertionError(arguments)

    def create(self, *names: str, timeout: str = "30") -> str:
        environment = {"MULTUS_NAMESPACES": ",".join(names), "MULTUS_TIMEOUT": timeout}
        return create_all(self, environment, self.clock, self.clock.sleep)


def test_the_missing_ones_are_created_and_no_other() -> None:
    fake = Namespaces(lambda name, _: ACTIVE if name == "there" else None)
    assert fake.create("data", "there") == "namespace data created"
    assert fake.created == [("data", 0)]
    assert fake.create("there") == "nothing to do"


def test_one_that_is_being_deleted_is_created_when_it_is_gone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = Namespaces(lambda _, now: GOING if now < 9 else None)
    assert fake.create("data") == "namespace data created"
    assert fake.created == [("data", 10)]
    said = capsys.readouterr().out
    assert said == "namespace data is being deleted; waiting until it is gone\n"


def test_one_that_does_not_go_is_named_with_what_holds_it() -> None:
    fake = Namespaces(lambda name, now: GOING if name == "b" or now < 20 else None)
    with pytest.raises(TaskError) as caught:
        fake.create("a", "b")
    assert (fake.created, fake.clock.now) == ([("a", 20)], 30)  # the time is for all of them
    assert str(caught.value) == (
        "namespace b is still being deleted after 30 s: Some content has finalizers remaining: "
        "x/y in 1 instances. See what holds it, with kubectl get namespace b -o yaml, and run "
        "pulumi up again when it is gone"
    )


def test_somebody_who_was_quicker_is_as_good() -> None:
    quicker = 'Error from server (AlreadyExists): namespaces "data" already exists'
    assert Namespaces(lambda *_: None, quicker).create("data") == "nothing to do"
    with pytest.raises(TaskError, match="Forbidden"):
        Namespaces(lambda *_: None, "Error from server (Forbidden): no").create("data")


DAILY, OFTEN = "30 4 * * *", "*/30 * * * *"


class ConfigMap(Kubectl):
    """A cluster with one ConfigMap, or none."""

    def __init__(self, held: str | None) -> None:
        super().__init__([], {})
        self.held = held
        self.patches: list[Any] = []

    def run(self, *arguments: str) -> str:
        assert arguments[1:4] == ("configmap", "whereabouts-config", "--namespace=kube-system")
        if arguments[0] == "patch":
            self.patches.append(json.loads(arguments[-1].removeprefix("--patch=")))
            return ""
        return "" if self.held is None else json.dumps({"data": {"cron-expression": self.held}})


@pytest.mark.parametrize(
    ("held", "undo", "written"),
    [
        (DAILY, "", OFTEN),
        (OFTEN, "", None),
        (OFTEN, "1", DAILY),
        (DAILY, "1", None),
        (None, "1", None),
        (None, "", TaskError),
    ],
)
def test_the_schedule_is_written_where_it_differs(
    held: str | None, undo: str, written: Any
) -> None:
    cluster = ConfigMap(held)
    environment = {
        "MULTUS_NAMESPACE": "kube-system",
        "MULTUS_SCHEDULE": OFTEN,
        "MULTUS_SCHEDULE_DEFAULT": DAILY,
        "MULTUS_UNDO": undo,
    }
    if written is TaskError:
        with pytest.raises(TaskError, match="there is no ConfigMap whereabouts-config"):
            write(cluster, environment)
        return
    write(cluster, environment)
    assert cluster.patches == ([{"data": {"cron-expression": written}}] if written else [])
