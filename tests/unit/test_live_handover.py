"""The CRDs' hand-over: what is marked, what is left alone, and what stops the run."""

from __future__ import annotations

import base64
import gzip
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


def listed(items: list[Json]) -> Json:
    return {"kind": "List", "items": items}


def secret(
    status: str = "deployed", revision: int = 1, name: str = "multus", data: str | None = None
) -> Json:
    """A Secret in which Helm keeps a revision of a release."""
    if data is None:
        release = {
            "chart": {"metadata": {"name": "rke2-multus", "version": "v4.2.311"}},
            "info": {"last_deployed": "2026-05-04T10:11:12Z"},
        }
        packed = gzip.compress(json.dumps(release).encode())
        data = base64.b64encode(base64.b64encode(packed)).decode()
    labels = {"owner": "helm", "name": name, "status": status, "version": str(revision)}
    return {"metadata": {"labels": labels}, "data": {"release": data}}


class Fake(Kubectl):
    """Answers from objects in memory and keeps what it is told to patch."""

    def __init__(self, crds: list[Json], *secrets: Json) -> None:
        super().__init__([], {})
        self.crds = {one["metadata"]["name"]: one for one in crds}
        self.secrets = secrets
        self.patched: dict[str, Any] = {}

    def run(self, *arguments: str) -> str:
        match arguments:
            case ("get", "crds", *names, "-o", "json", "--ignore-not-found"):
                assert set(names) == {NETWORKS, *WHEREABOUTS}
                there = [self.crds[name] for name in names if name in self.crds]
                # As kubectl does it: one is itself, several are a List, none is nothing.
                return json.dumps(there[0] if len(there) == 1 else listed(there)) if there else ""
            case ("get", "secrets", "--namespace=kube-system", selector, "-o", "json"):
                name = selector.removeprefix("--selector=owner=helm,name=")
                return json.dumps(
                    listed([s for s in self.secrets if s["metadata"]["labels"]["name"] == name])
                )
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
    fake = Fake([crd(owner="multus")], secret("superseded", 9), secret("failed", 10))
    with pytest.raises(TaskError) as caught:
        hand_over(fake, {**environment(), **FIRST})
    assert str(caught.value) == (
        "Helm release multus is in kube-system already (failed, revision 10, chart rke2-multus "
        "v4.2.311, 2026-05-04T10:11:12Z), and this stack's state knows of no run before; nothing "
        "was changed. Adopt it as docs/adopting.md says, with multus:adopt: true; do not uninstall "
        "it before, because charts up to v4.2.409 take every network along"
    )
    assert fake.patched == {}


DAMAGED: Final = gzip.compress(b"x")[:10] + b"no deflate"
BAD: Final = [
    "",
    "no base64",
    *(base64.b64encode(base64.b64encode(one)).decode() for one in (b"no gzip", DAMAGED)),
]


@pytest.mark.parametrize("data", BAD, ids=["empty", "text", "packed in another way", "damaged"])
def test_a_release_that_cannot_be_read_is_named_by_what_its_labels_say(data: str) -> None:
    with pytest.raises(TaskError, match=r"already \(pending-install, revision 2\), and"):
        hand_over(
            Fake([], secret("pending-install", 2, "multus-crd", data)), {**environment(), **FIRST}
        )


HISTORY: Final = [secret("superseded", 1), secret("uninstalled", 2)]


@pytest.mark.parametrize("adopt", ["", "true"])
def test_the_history_of_an_uninstalled_release_is_none_and_still_in_the_way(adopt: str) -> None:
    """Helm refuses a name with a kept history too, so it must go; nothing is to be adopted."""
    fake = Fake([crd()], *HISTORY)
    with pytest.raises(TaskError) as caught:
        hand_over(fake, {**environment(), **FIRST, "MULTUS_ADOPT": adopt})
    assert str(caught.value) == (
        "Helm release multus in kube-system is uninstalled, but its history was kept, and Helm "
        "does not use the name again; nothing was changed. Remove the history, which deletes "
        "nothing else: helm uninstall multus --namespace kube-system"
    )
    assert fake.patched == {}


def test_a_crd_that_is_being_deleted_stops_the_run() -> None:
    going = crd(owner="multus")
    going["metadata"]["deletionTimestamp"] = "2026-05-04T10:11:12Z"
    fake = Fake([crd(WHEREABOUTS[0]), going])
    with pytest.raises(TaskError, match="is being deleted, and every object of its kind"):
        hand_over(fake, environment())
    assert fake.patched == {}


def test_a_foreign_releases_name_cannot_write_to_the_terminal() -> None:
    with pytest.raises(TaskError, match="Helm release a b in namespace x: another") as caught:
        marks(crd(owner="a\n\x1b[2Jb", where="\x1b]0;title\x07x"), "multus-crd", SYSTEM, OURS)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("known", [{"MULTUS_ADOPT": "true"} | FIRST, {}], ids=["adopt", "later"])
def test_it_goes_on_where_it_is_adopted_or_known(known: Mapping[str, str]) -> None:
    fake = Fake([crd(owner="multus")], secret())
    hand_over(fake, {**environment(), **known})
    assert list(fake.patched) == [NETWORKS]


def test_a_new_cluster_has_nothing_to_do() -> None:
    fake = Fake([])
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
    ("", "whereabouts", [crd()], [secret()], True),
    ("", "whereabouts", [crd()], [], False),
    ("", "whereabouts", [crd()], HISTORY, False),
    ("", "whereabouts", [crd(), crd(WHEREABOUTS[0])], [secret()], False),
    ("", "dhcp", [crd()], [secret()], False),
    ("4.3.017", "whereabouts", [crd()], [secret()], False),
]


@pytest.mark.parametrize(("chart", "ipam", "live", "secrets", "stops"), LATE)
def test_whereabouts_cannot_come_late_to_an_old_chart(
    chart: str, ipam: str, live: list[Json], secrets: list[Json], *, stops: bool
) -> None:
    fake = Fake(live, *secrets)
    if stops:
        with pytest.raises(TaskError, match=r"Set multus:chart.version to v4\.3\.010 or later"):
            hand_over(fake, environment(chart, ipam))
    else:
        hand_over(fake, environment(chart, ipam))
