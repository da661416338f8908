"""The wait for ready pods: what it says, when it looks, and when it ends.

What is said is a golden, for it is all that a person has to go by.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.cluster_tasks.kubectl import Kubectl, TaskError, explained
from components.cluster_tasks.readiness import POLL_SECONDS, wait
from tests.unit.tasks import Clock, cases

Json = dict[str, Any]
ALL_READY: Json = {
    "DaemonSet": {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberReady": 1},
    "Deployment": {},
}


def workload(case: Json) -> Json:
    """A DaemonSet of one ready pod, or a Deployment without any, with what the case changes."""
    kind = case.get("kind", "DaemonSet")
    name = case.get("name", "multus" if kind == "DaemonSet" else "reconciler")
    metadata = {"name": name, "namespace": "kube-system", "uid": name, "generation": 2}
    metadata |= case.get("metadata", {})
    status = {"observedGeneration": 2, **ALL_READY[kind], **case.get("status", {})}
    return {"kind": kind, "metadata": metadata, "spec": case.get("spec", {}), "status": status}


def owned(case: Json) -> Json:
    """A pod or a ReplicaSet; a pod's status is what the case has."""
    metadata = {key: case[key] for key in ("uid", "deletionTimestamp") if key in case}
    owners = [{"uid": case.get("owner", "multus")}]
    node = case.get("node", "node-1")
    return {
        "kind": case.get("kind", "Pod"),
        "metadata": {"name": "p", "ownerReferences": owners, **metadata},
        "spec": {"nodeName": node} if node else {},
        "status": case,
    }


class Fake(Kubectl):
    """A cluster whose workloads are `live(now)`, None while it does not answer."""

    def __init__(self, live: Callable[[float], list[Json] | None], **others: Any) -> None:
        super().__init__([], {})
        self.clock = Clock()
        self.live = live
        self.others = others

    def run(self, *arguments: str) -> str:
        if arguments[0] == "logs":
            self.clock.sleep(self.others.get("logs_take", 0))
            assert {"--tail=10", "--limit-bytes=65536"} <= set(arguments)
            previous = "--previous: " if "--previous" in arguments else ""
            return previous + str(self.others.get("log", ""))
        items = self.live(self.clock.now)
        if "pods" in arguments:
            return str(self.others.get("ids", lambda _: "a b")(self.clock.now))
        if "events" in arguments:
            assert "--field-selector=type=Warning" in arguments
            items = self.others.get("events", [])
        if "pods,replicasets" in arguments:
            items = None if "down" in self.others else self.others.get("objects", [])
        if items is None:
            raise TaskError(explained(self.others.get("down", "")))
        return json.dumps({"items": items})

    def wait(self, timeout: int, expected: str = "DaemonSet/multus") -> str:
        environment = {
            "MULTUS_NAMESPACE": "kube-system",
            "MULTUS_WORKLOADS": expected,
            "MULTUS_TIMEOUT": str(timeout),
        }
        return wait(self, environment, self.clock, self.clock.sleep)


@pytest.mark.parametrize("case", cases("readiness"))
def test_says_what_is_missing_where_and_why(case: Json) -> None:
    there = None if "down" in case and "workloads" not in case else case.get("workloads", [])
    live = None if there is None else [workload(one) for one in there]
    others = {key: case[key] for key in ("log", "down", "events") if key in case}
    fake = Fake(lambda _: live, objects=[owned(one) for one in case.get("objects", [])], **others)
    with pytest.raises(TaskError) as caught:
        fake.wait(0, case.get("expected", "DaemonSet/multus"))
    assert str(caught.value).split("\n") == ["Multus is not ready after 0 s:", *case["lines"]]


def ready(number: int, of: int = 1, name: str = "multus") -> Json:
    status = {"desiredNumberScheduled": of, "updatedNumberScheduled": of, "numberReady": number}
    return workload({"name": name, "status": status})


def test_waits_and_says_only_what_changes(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake(lambda now: [ready(0 if now < 6 else 1 if now < 12 else 2, of=2)])
    assert fake.wait(30) == "ready: DaemonSet/multus"
    assert 12 <= fake.clock.now < 12 + 2 * POLL_SECONDS
    assert capsys.readouterr().out.splitlines() == [
        "DaemonSet/multus: 0 of 2 pods are ready",
        "DaemonSet/multus: 1 of 2 pods are ready",
    ]


def test_an_api_server_may_be_away_for_a_while() -> None:
    fake = Fake(lambda now: None if now < 10 else [ready(1)])
    fake.wait(30)
    assert 10 <= fake.clock.now < 10 + 2 * POLL_SECONDS


def test_the_last_look_is_at_the_deadline() -> None:
    Fake(lambda now: [ready(int(now >= 29))]).wait(29)
    with pytest.raises(TaskError, match="Multus is not ready after 29 s"):
        Fake(lambda now: [ready(int(now > 29))]).wait(29)


def test_what_is_ready_for_a_moment_is_not_ready() -> None:
    """As the kubelet shows a container that ends at once: ready, started anew, ready, and away."""
    crashing = Fake(lambda now: [ready(int(now % 10 < 2))], ids=lambda now: f"id-{int(now)}")
    with pytest.raises(TaskError, match="0 of 1 pods are ready"):
        crashing.wait(18)


def test_containers_that_never_stay_the_same_end_the_wait() -> None:
    restless = Fake(lambda _: [ready(1)], ids=lambda now: f"id-{now}")
    with pytest.raises(TaskError, match="all pods: ready, but some containers end and start again"):
        restless.wait(18)


def test_a_report_ends_also_where_no_node_answers() -> None:
    """Each log may take kubectl a minute; with many workloads that would be half an hour."""
    waiting = owned({"containerStatuses": [{"name": "c", "state": {"waiting": {}}}]})
    fake = Fake(
        lambda _: [ready(0, of=5), ready(0, of=5, name="dhcp")], objects=[waiting] * 5, logs_take=59
    )
    with pytest.raises(TaskError):
        fake.wait(0, "DaemonSet/multus,DaemonSet/dhcp")
    assert fake.clock.now == 2 * 59
