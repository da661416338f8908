"""Looks for pods without their networks around an `up`, and makes anew those that may be.

MULTUS_MISSED says what to do: `look` notes before an `up` who misses what already, so that
`restart` and the others tell after it what happened since. No clock of this machine is compared
with the cluster's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from .attachments import Live, Missed, missed, starting
from .kubectl import Kubectl, TaskError, connected, one_line

POLL_SECONDS = 2
SETTLE_SECONDS = 20  # for pods that begin to start while it looks
MOST_RESTARTED = 50
MOST_LINES = 20
PODS = ("get", "pods", "--all-namespaces")
RUNNING = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"
Sleep = Callable[[float], None]


class Restarts:
    """Evictions, one pod of each controller at a time, the next when the one before is replaced.

    The Eviction API refuses what a PodDisruptionBudget forbids, and is asked again until the time
    is up. The pod's UID goes along: a namesake that came since is left alone.
    """

    def __init__(self, kubectl: Kubectl, chosen: list[Missed]) -> None:
        self.kubectl = kubectl
        self.waiting: dict[str, list[Missed]] = {}
        for one in chosen[:MOST_RESTARTED]:
            self.waiting.setdefault(one.controller, []).append(one)
        self.evicted: dict[str, Missed] = {}  # by controller, as long as it is not replaced
        self.ready: dict[str, int] = {}
        self.done: list[Missed] = []
        self.refused: dict[str, str] = {}  # why not, by the pod's UID

    def step(self) -> bool:
        """Do what can be done now; whether something is left."""
        pods = self.kubectl.json(*PODS, RUNNING)["items"]
        for controller, queue in self.waiting.items():
            own = [pod for pod in pods if controller in owners(pod)]
            if (gone := self.evicted.get(controller)) is not None:
                here = gone.uid in {pod["metadata"]["uid"] for pod in own}
                if here or ready(own) < self.ready[controller]:
                    continue
                del self.evicted[controller]
            while queue and self.evict(queue[0], ready(own)):
                queue.pop(0)
                if controller in self.evicted:
                    break
        return any(self.waiting.values()) or bool(self.evicted)

    def evict(self, one: Missed, ready_now: int) -> bool:
        """Whether nothing more is to be done about the pod."""
        where = f"/api/v1/namespaces/{one.namespace}/pods/{one.name}/eviction"
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": one.name, "namespace": one.namespace},
            "deleteOptions": {"preconditions": {"uid": one.uid}},
        }
        try:
            self.kubectl.post(where, body)
        except TaskError as failure:
            self.refused[one.uid] = one_line(str(failure))
            return "(TooManyRequests)" not in str(failure)
        self.refused.pop(one.uid, None)
        self.evicted[one.controller], self.ready[one.controller] = one, ready_now
        self.done.append(one)
        return True


def owners(pod: Live) -> set[str]:
    return {one["uid"] for one in pod["metadata"].get("ownerReferences") or ()}


def ready(pods: list[Live]) -> int:
    """How many of them are Ready and stay."""
    return sum(
        any(one["type"] == "Ready" and one["status"] == "True" for one in conditions(pod))
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
    )


def conditions(pod: Live) -> list[Live]:
    found: list[Live] = pod.get("status", {}).get("conditions") or []
    return found


def settled(kubectl: Kubectl, known: set[str], sleep: Sleep) -> list[Live]:
    """The pods, when those that begin to start have their interfaces, or after some time.

    known: UIDs of pods that hung at their start already.
    """
    pods: list[Live] = []
    for left in range(SETTLE_SECONDS, -1, -POLL_SECONDS):
        pods = kubectl.json(*PODS, RUNNING)["items"]
        if not left or not starting(pods) - known:
            break
        sleep(POLL_SECONDS)
    return pods


def look(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = time.sleep,
) -> dict[str, Any]:
    """What is found, as `components/engine/after_up.py` reads it."""
    mode = environment["MULTUS_MISSED"]
    if mode == "look":
        pods = kubectl.json(*PODS, RUNNING)["items"]
        return {"before": [one.mark for one in missed(pods)], "starting": [*starting(pods)]}
    before = json.loads(environment["MULTUS_BEFORE"])
    known = {*before["starting"]}
    pods = settled(kubectl, known, sleep)
    found = missed(pods)
    fresh = [one for one in found if one.mark not in before["before"]]
    chosen = [one for one in fresh if one.made_anew] if mode == "restart" else []
    restarts = Restarts(kubectl, chosen)
    if chosen:
        until = clock() + int(environment["MULTUS_TIMEOUT"])
        while restarts.step() and clock() < until:
            sleep(POLL_SECONDS)
        found = missed(settled(kubectl, known, sleep))
        fresh = [one for one in found if one.mark not in before["before"]]
    lines = [said(one, restarts.refused) for one in [*fresh, *(o for o in found if o not in fresh)]]
    return {
        "total": len(found),
        "fresh": len(fresh),
        "lines": lines[:MOST_LINES],
        "restarted": [f"{one.namespace}/{one.name}" for one in restarts.done],
    }


def said(one: Missed, refused: Mapping[str, str]) -> str:
    why = refused.get(one.uid)
    return one_line(f"{one.line} ({why})" if why else one.line)


def answer(environment: Mapping[str, str]) -> str:
    """JSON in ASCII, whatever the locale; or why nobody could look."""
    try:
        with connected(environment) as kubectl:
            return json.dumps(look(kubectl, environment))
    except TaskError as failure:
        return json.dumps({"unseen": one_line(str(failure))})


if __name__ == "__main__":
    print(answer(os.environ))
