"""Releases that Helm left unfinished: what `up` does about each, and what it says."""

from __future__ import annotations

from typing import Any, Final

import pulumi
import pytest

from tests.component.programs import arguments, program
from tests.component.recorder import Record, run

RELEASE: Final = "kubernetes:helm.sh/v3:Release"


def found(status: str, *, wanted: bool = True, wait: int = 0) -> dict[str, Any]:
    return {"multus": {"revision": "2", "status": status, "wanted": wanted, "wait": wait}}


def descriptions(record: Record) -> dict[str, tuple[Any, list[str]]]:
    """Of each release its words for Helm's history, and which of its inputs stay as they were."""
    return {
        one.name: (one.inputs.get("description"), [*one.request.ignoreChanges])
        for one in record.of(RELEASE)
    }


KEPT: Final = (None, ["description"])


def test_where_all_is_well_the_words_of_before_make_no_difference(*, preview: bool) -> None:
    record = run(program(), preview=preview)
    assert descriptions(record) == {"multus-crds": KEPT, "multus-release": KEPT}
    assert record.ends == ([] if preview else [None])
    repaired = run(program(arguments(repair="monday")), preview=preview)
    assert set(map(str, descriptions(repaired).values())) == {"('monday', [])"}


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback", "failed"])
def test_a_release_of_the_state_is_upgraded_once_more(status: str) -> None:
    record = run(program(), record=Record(unfinished=found(status, wait=40)))
    assert record.ends == [None, {"multus": "failed"}]
    assert descriptions(record) == {
        "multus-crds": KEPT,
        "multus-release": (f"after revision 2, {status}", []),
    }
    assert record.said == [
        ("info", "preflight left out: the cluster does not answer: EOF"),
        (
            "info",
            f"release multus goes on after revision 2, {status}, in 40 s, when no Helm can be at "
            "work on it",
        ),
    ]


def test_an_install_without_an_end_begins_anew() -> None:
    record = run(program(), record=Record(unfinished=found("pending-install")))
    assert record.ends == [None, {"multus": "removed"}]


@pytest.mark.parametrize("name", ["multus", "another", ""])
def test_an_install_that_ended_without_the_engine_begins_anew(name: str) -> None:
    """Nothing is done where the state knows the release, or cannot be read."""
    own = {"a": {"type": RELEASE, "outputs": {"name": name}}} if name else None
    record = run(program(), record=Record(unfinished=found("deployed"), own=own))
    assert record.ends == [None, *([{"multus": "removed"}] if name == "another" else [])]
    if name != "another":
        assert descriptions(record)["multus-release"] == KEPT


def test_a_deployed_release_with_other_values_is_left_to_the_hand_over() -> None:
    record = run(program(), record=Record(unfinished=found("deployed", wanted=False), own={}))
    assert record.ends == [None]


def test_with_another_chart_or_values_it_is_for_a_person() -> None:
    """What the first install made and the second has not would stay for ever."""
    record = Record(unfinished=found("pending-install", wanted=False))
    with pytest.raises(pulumi.RunError, match="helm uninstall multus --namespace kube-system"):
        run(program(), record=record)
    assert record.ends == [None]
    assert record.of(RELEASE) == []


def test_an_upgrade_goes_on_with_whatever_the_stack_has_now() -> None:
    record = run(program(), record=Record(unfinished=found("pending-upgrade", wanted=False)))
    assert record.ends == [None, {"multus": "failed"}]


def test_records_are_ended_between_the_hand_over_and_the_releases() -> None:
    """The hand-over stops at releases of others, which are then left as they are."""
    record = run(program(), record=Record(unfinished=found("failed")))
    assert "multus-crd-handover" in record.ended_after
    assert "multus-release" not in record.ended_after


def test_a_look_that_fails_ends_no_run() -> None:
    record = run(program(), record=Record(unfinished="exit status 1: no answer"))
    assert descriptions(record)["multus-release"] == KEPT
    assert ("info", record.said[1][1]) == record.said[1]
    assert "nobody looked for releases without an end" in record.said[1][1]
