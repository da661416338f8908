"""What may hurt in a plan, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..chart.versions import RELEASE_TYPE
from ..findings import some
from .engine import REPLACE, Step
from .networks import NetworkChange, is_network
from .objects import Objects, restarts

COMMAND = "command:local:Command"  # as Pulumi calls the component's tasks
MULTUS = "DaemonSet kube-system/multus"
MOST_PODS = 5


def of_steps(steps: Iterable[Step]) -> Iterator[str]:
    for one in steps:
        if one.op == REPLACE and one.type == RELEASE_TYPE:
            yield f"{one.name} is replaced: Helm uninstalls a release and all that is in it"
        elif one.op == REPLACE and is_network(one):
            yield f"{one.name} is replaced: pods that start while it is gone do not come up"
        elif one.op == "delete" and one.type == RELEASE_TYPE:
            yield f"{one.name} is deleted: Helm uninstalls it, and what is in it is gone"


def of_networks(changes: Iterable[NetworkChange]) -> Iterator[str]:
    for one in changes:
        pods = f"{len(one.pods)} pod{'s' * (len(one.pods) != 1)}"
        have, keep = ("has", "keeps") if len(one.pods) == 1 else ("have", "keep")
        named = some(one.pods, MOST_PODS)
        if one.op == "delete":
            text = f"{one.key} is deleted: a pod that asks for it does not start any more"
            yield f"{text}. {pods} {have} it now: {named}" if one.pods else text
        elif one.pods and (one.lost or one.gained) and one.outside:
            held = f"{len(one.outside)} outside the new range: {some(one.outside, MOST_PODS)}"
            yield f"{pods} of {one.key} {keep} old addresses until restarted, {held}"
        elif one.pods:
            yield f"{pods} of {one.key} {keep} the old configuration until restarted: {named}"


def of_release(steps: Iterable[Step], rendered: tuple[Objects, Objects] | None) -> Iterator[str]:
    """What restarts. rendered: the charts' objects before and after, where they could be had."""
    steps = [*steps]
    held = any(
        one.type == COMMAND and one.name.endswith("-hold") and one.op != "delete" for one in steps
    )
    waits = ". Pods that start meanwhile wait for it" if held else ""
    if rendered is None:
        if any(one.op == "update" and one.type == RELEASE_TYPE for one in steps):
            yield f"Multus and its daemons may restart on every node{waits}"
        return
    for key, away in restarts(*rendered):
        what = "Multus" if key == MULTUS else key
        where = "restarts on every node" if key.startswith("DaemonSet") else "restarts"
        how = "one at a time" if away == 1 else f"{away} at a time"
        how = f", {how}" if key.startswith("DaemonSet") else ""
        yield f"{what} {where}{how}{waits if key == MULTUS else ''}"
    for key in sorted({*rendered[0]} - {*rendered[1]}):
        if key.startswith("DaemonSet"):
            yield f"{key} is removed, and its pods end on every node"
