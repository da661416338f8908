"""Releases without an end: which are found, what is waited for, and how their records end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import pytest

from components.cluster_tasks.helm_records import packed, unpacked
from components.cluster_tasks.kubectl import Kubectl
from components.cluster_tasks.unfinished import POLL_SECONDS, digest_of, unfinished
from tests.unit.tasks import Clock

Json = dict[str, Any]
BEGAN: Final = "2026-01-01T00:00:00Z"
NOW: Final = datetime.fromisoformat(BEGAN).timestamp()
TIMEOUT: Final = 60
VALUES: Final = {"labels": {"a": "b"}}
WANTED: Final = {
    "multus": digest_of("v4.3.017", VALUES),
    "multus-crd": digest_of("v4.3.017", {}),
}


def secret(release: str, revision: int, status: str, values: Json, *, known: bool = True) -> Json:
    record = {
        "info": {"status": status, "description": "Preparing upgrade"},
        "chart": {"metadata": {"version": "v4.3.017"}},
        "config": values,
    }
    name = f"sh.helm.release.v1.{release}.v{revision}"
    labels = {"name": release, "version": str(revision), "status": status, "owner": "helm"}
    labels["known"] = "yes" if known else ""
    meta = {"name": name, "resourceVersion": "7", "creationTimestamp": BEGAN, "labels": labels}
    return {"metadata": meta, "data": {"release": packed(record)}}


class Fake(Kubectl):
    """A cluster with these records; `later` replaces them at the second look."""

    def __init__(self, *records: Json, later: list[Json] | None = None) -> None:
        super().__init__([], {})
        self.records, self.later = [*records], later
        self.deleted: list[str] = []
        self.written: list[tuple[str, Mapping[str, Any]]] = []

    def run(self, *arguments: str) -> str:
        match arguments:
            case ("get", "secrets", _, selector, columns, "--no-headers"):
                assert selector == "--selector=owner=helm,name in (multus,multus-crd)"
                assert columns == "--label-columns=name,version,status,multus-k3s/known"
                line = "x  helm.sh/release.v1  1  5m  {name}  {version}  {status}  {known}\n"
                labels = (one["metadata"]["labels"] for one in self.records)
                return "".join(map(line.format_map, labels))
            case ("get", "secrets", _, selector, "-o", "json"):
                name = selector.removeprefix("--selector=owner=helm,name=")
                found = [one for one in self.records if one["metadata"]["labels"]["name"] == name]
                if self.later is not None:
                    self.records, self.later = self.later, None
                return json.dumps({"items": found})
            case ("delete", "secrets", _, selector):
                self.deleted.append(selector)
                return ""
        raise AssertionError(arguments)

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        self.written.append((path, body))


def asked(fake: Fake, *, age: float = TIMEOUT, ends: Json | None = None) -> tuple[Json, float]:
    """The answer, and for how long it was waited."""
    clock = Clock()
    clock.now = NOW + age
    environment = {
        "MULTUS_NAMESPACE": "kube-system",
        "MULTUS_TIMEOUT": str(TIMEOUT),
        "MULTUS_WANTED": json.dumps(WANTED),
        **({"MULTUS_ENDS": json.dumps(ends)} if ends else {}),
    }
    found = json.loads(unfinished(fake, environment, clock, clock.sleep))
    return found, clock.now - NOW - age


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (["deployed"], None),
        (["superseded", "deployed"], None),
        (["failed", "deployed"], None),  # an older one is over
        (["uninstalled"], None),  # the hand-over of the CRDs says what to do
        (["deployed", "pending-upgrade"], "pending-upgrade"),
        (["deployed", "failed"], "failed"),
        (["pending-install"], "pending-install"),
        (["superseded", "deployed", "pending-rollback"], "pending-rollback"),
        (["uninstalling"], "uninstalling"),
        # The numbers of revisions are not compared as texts.
        (["superseded"] * 8 + ["failed", "deployed"], None),
    ],
)
def test_the_newest_record_says_it(states: list[str], found: str | None) -> None:
    records = [secret("multus", number, one, VALUES) for number, one in enumerate(states, 1)]
    fake = Fake(secret("multus-crd", 1, "deployed", {}), *records)
    answer, _ = asked(fake)
    expected = {"revision": str(len(states)), "status": found, "wanted": True, "wait": 0}
    assert answer == ({"multus": expected} if found else {})
    assert (fake.written, fake.deleted) == ([], [])


def test_a_first_install_that_nobody_confirmed_is_told() -> None:
    fake = Fake(secret("multus", 1, "deployed", VALUES, known=False))
    answer, _ = asked(fake)
    assert answer["multus"] == {"revision": "1", "status": "deployed", "wanted": True, "wait": 0}
    asked(fake, ends={"multus": "removed"})
    assert fake.deleted == ["--selector=owner=helm,name=multus"]
    later = Fake(
        secret("multus", 1, "superseded", VALUES, known=False),
        secret("multus", 2, "deployed", VALUES, known=False),
    )
    assert asked(later)[0] == {}, "what was upgraded is in the state"


def test_other_values_and_another_chart_are_told() -> None:
    fake = Fake(
        secret("multus", 1, "pending-install", {"other": 1}),
        secret("multus-crd", 1, "pending-install", {}),
    )
    answer, _ = asked(fake)
    assert {name: one["wanted"] for name, one in answer.items()} == {
        "multus": False,
        "multus-crd": True,
    }
    assert digest_of("v4.3.016", VALUES) != WANTED["multus"]


@pytest.mark.parametrize(
    ("age", "waited"), [(TIMEOUT, 0), (TIMEOUT - 5, 6), (0, 60), (-999, 60), (9999, 0)]
)
def test_a_pending_one_ends_when_no_helm_can_be_at_work_on_it(age: float, waited: float) -> None:
    """Never later than one timeout from now, whatever this machine's clock says."""
    fake = Fake(secret("multus", 2, "pending-upgrade", VALUES))
    assert asked(fake, age=age)[1] == 0, "who only looks does not wait"
    assert fake.written == []
    _, took = asked(fake, age=age, ends={"multus": "failed"})
    assert waited <= took <= waited + POLL_SECONDS
    [(path, body)] = fake.written
    assert path == "/api/v1/namespaces/kube-system/secrets/sh.helm.release.v1.multus.v2"
    assert body["metadata"]["resourceVersion"] == "7"
    assert body["metadata"]["labels"]["status"] == "failed"
    assert unpacked(body)["info"] == {
        "status": "failed",
        "description": "no end of pending-upgrade was written",
    }
    assert unpacked(body)["config"] == VALUES


def test_one_that_ends_by_itself_meanwhile_is_left_alone() -> None:
    done = [secret("multus", 2, "deployed", VALUES)]
    fake = Fake(secret("multus", 2, "pending-upgrade", VALUES), later=done)
    asked(fake, age=0, ends={"multus": "failed"})
    assert fake.written == []


def test_a_failed_one_is_neither_waited_for_nor_written() -> None:
    fake = Fake(secret("multus", 2, "failed", VALUES))
    answer, took = asked(fake, age=0, ends={"multus": "failed"})
    assert (answer["multus"]["status"], took, fake.written) == ("failed", 0, [])


def test_what_the_state_does_not_know_is_forgotten_by_helm_too() -> None:
    fake = Fake(secret("multus", 1, "pending-install", VALUES))
    asked(fake, ends={"multus": "removed"})
    assert fake.deleted == ["--selector=owner=helm,name=multus"]
    assert fake.written == []
