"""The CRDs' hand-over: what is marked, what is left alone, and what stops the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from components.live.handover import (
    KEEP,
    MANAGED_BY,
    NETWORKS,
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    WHEREABOUTS,
    hand_over,
    marks,
)
from components.live.kubectl import Kubectl, TaskError

OURS: Final = ("multus", "multus-crd")
SYSTEM: Final = "kube-system"
Json = dict[str, Any]


def crd(name: str = NETWORKS, owner: str | None = None, **others: str) -> Json:
    """A live CRD; `owner` is its Helm release, `where` that one's namespace."""
    annotations = {}
    if owner is not None:
        annotations = {RELEASE_NAME: owner, RELEASE_NAMESPACE: others.get("where", SYSTEM)}
    if others.get("keep"):
        annotations[KEEP] = others["keep"]
    labels = {MANAGED_BY: others["managed"]} if others.get("managed") else {}
    return {"metadata": {"name": name, "annotations": annotations, "labels": labels}}


ALL: Final = {RELEASE_NAME: "multus-crd", RELEASE_NAMESPACE: SYSTEM, KEEP: "keep"}
HELM: Final = {MANAGED_BY: "Helm"}
MARKS: Final[list[tuple[str, Json, Json]]] = [
    ("of nobody", crd(), {"annotations": ALL, "labels": HELM}),
    (
        "without metadata of its own",
        {"metadata": {"name": "x"}},
        {"annotations": ALL, "labels": HELM},
    ),
    (
        "of null metadata",
        {"metadata": {"name": "x", "annotations": None, "labels": None}},
        {"annotations": ALL, "labels": HELM},
    ),
    (
        "of the main release",
        crd(owner="multus", managed="Helm"),
        {"annotations": {RELEASE_NAME: "multus-crd", KEEP: "keep"}},
    ),
    (
        "of the main release, kept",
        crd(owner="multus", keep="keep", managed="Helm"),
        {"annotations": {RELEASE_NAME: "multus-crd"}},
    ),
    ("right, not kept", crd(owner="multus-crd", managed="Helm"), {"annotations": {KEEP: "keep"}}),
    (
        "kept in another way",
        crd(owner="multus-crd", keep="delete", managed="Helm"),
        {"annotations": {KEEP: "keep"}},
    ),
    ("right, of no tool", crd(owner="multus-crd", keep="keep"), {"labels": HELM}),
    ("right", crd(owner="multus-crd", keep="keep", managed="Helm"), {}),
]


@pytest.mark.parametrize(
    ("live", "patch"), [row[1:] for row in MARKS], ids=[row[0] for row in MARKS]
)
def test_marks(live: Json, patch: Json) -> None:
    assert marks(live, "multus-crd", SYSTEM, OURS) == patch


def test_marks_are_enough() -> None:
    """What was marked needs no mark again."""
    for _, live, patch in MARKS:
        metadata = live["metadata"]
        after = {
            "metadata": {
                **metadata,
                **{
                    key: {**(metadata.get(key) or {}), **patch.get(key, {})}
                    for key in ("annotations", "labels")
                },
            }
        }
        assert marks(after, "multus-crd", SYSTEM, OURS) == {}


FOREIGN: Final = [
    crd(owner="rke2-multus"),
    crd(owner="multus", where="default"),
    crd(owner="multus-crd", where="multus", keep="keep", managed="Helm"),
]


@pytest.mark.parametrize("live", FOREIGN, ids=["name", "namespace", "namespace, kept"])
def test_a_foreign_releases_crds_stop_the_run(live: Json) -> None:
    with pytest.raises(TaskError, match="another Multus is installed") as caught:
        marks(live, "multus-crd", SYSTEM, OURS)
    assert "\n" not in str(caught.value)
    assert f"kubectl annotate crd {NETWORKS} {RELEASE_NAME}-" in str(caught.value)


class Fake(Kubectl):
    """Answers from objects in memory and keeps what it is told to patch."""

    def __init__(self, crds: list[Json], secrets: int = 0) -> None:
        super().__init__([], {})
        self.items = {"crds": crds, "secrets": [{}] * secrets}
        self.patched: dict[str, Any] = {}

    def run(self, *arguments: str, text: str | None = None) -> str:
        assert text is None
        match arguments:
            case ("get", kind, *_):
                return json.dumps({"items": self.items[kind]})
            case ("patch", "crd", name, "--type=merge", body):
                self.patched[name] = json.loads(body.removeprefix("--patch="))
                return ""
        raise AssertionError(arguments)


def environment(chart: str = "4.3.017", ipam: str = "whereabouts") -> Mapping[str, str]:
    return {
        "MULTUS_CRD_OWNER": "multus-crd" if chart else "multus",
        "MULTUS_CRD_CHART": chart,
        "MULTUS_RELEASES": "multus,multus-crd",
        "MULTUS_NAMESPACE": SYSTEM,
        "MULTUS_IPAM": ipam,
        "MULTUS_ADOPT": "",
        "PULUMI_COMMAND_STDOUT": "nothing to do",  # of a run before
    }


FIRST: Final = {"PULUMI_COMMAND_STDOUT": ""}


def test_a_release_of_nobody_stops_the_first_run_before_anything_is_patched() -> None:
    fake = Fake([crd(owner="multus")], secrets=1)
    with pytest.raises(TaskError, match="not by this stack; nothing was changed"):
        hand_over(fake, {**environment(), **FIRST})
    assert fake.patched == {}


@pytest.mark.parametrize("known", [{"MULTUS_ADOPT": "true"} | FIRST, {}], ids=["adopt", "later"])
def test_it_goes_on_where_it_is_adopted_or_known(known: Mapping[str, str]) -> None:
    fake = Fake([crd(owner="multus")], secrets=1)
    hand_over(fake, {**environment(), **known})
    assert list(fake.patched) == [NETWORKS]


def test_a_new_cluster_has_nothing_to_do() -> None:
    fake = Fake([crd("others.example.com", owner="other", where="x")])
    assert hand_over(fake, environment()) == "nothing to do"
    assert fake.patched == {}


def test_an_upgrade_over_the_split_hands_over_all_crds() -> None:
    fake = Fake([crd(NETWORKS, "multus", managed="Helm"), *(crd(name) for name in WHEREABOUTS)])
    said = hand_over(fake, environment())
    assert set(fake.patched) == {NETWORKS, *WHEREABOUTS}
    assert len(said.splitlines()) == 4
    assert fake.patched[NETWORKS]["metadata"]["annotations"] == {
        RELEASE_NAME: "multus-crd",
        KEEP: "keep",
    }


def test_a_downgrade_over_the_split_hands_back_the_networks_crd() -> None:
    live = [
        crd(name, "multus-crd", keep="keep", managed="Helm") for name in (NETWORKS, *WHEREABOUTS)
    ]
    fake = Fake(live)
    hand_over(fake, environment(chart=""))
    assert fake.patched == {NETWORKS: {"metadata": {"annotations": {RELEASE_NAME: "multus"}}}}


def test_a_foreign_crd_stops_before_anything_is_patched() -> None:
    fake = Fake([crd(NETWORKS, "rke2-multus"), *(crd(name) for name in WHEREABOUTS)])
    with pytest.raises(TaskError, match="belongs to Helm release rke2-multus"):
        hand_over(fake, environment())
    assert fake.patched == {}


def test_a_foreign_crd_behind_ours_stops_before_anything_is_patched() -> None:
    fake = Fake([crd(NETWORKS), crd(WHEREABOUTS[-1], "whereabouts", where="ipam")])
    with pytest.raises(TaskError, match="belongs to Helm release whereabouts"):
        hand_over(fake, environment())
    assert fake.patched == {}


# An old chart has Whereabouts' CRDs in its crds folder, which Helm reads at the first install only.
LATE: Final = [
    ("", "whereabouts", [crd()], 1, True),
    ("", "whereabouts", [crd()], 0, False),
    ("", "whereabouts", [crd(), crd(WHEREABOUTS[0])], 1, False),
    ("", "dhcp", [crd()], 1, False),
    ("4.3.017", "whereabouts", [crd()], 1, False),
]


@pytest.mark.parametrize(("chart", "ipam", "live", "secrets", "stops"), LATE)
def test_whereabouts_cannot_come_late_to_an_old_chart(
    chart: str, ipam: str, live: list[Json], secrets: int, *, stops: bool
) -> None:
    fake = Fake(live, secrets)
    if stops:
        with pytest.raises(TaskError, match=r"Set multus:chart.version to v4\.3\.010 or later"):
            hand_over(fake, environment(chart, ipam))
    else:
        hand_over(fake, environment(chart, ipam))
