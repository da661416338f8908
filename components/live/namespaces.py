"""The networks' namespaces: made where they are missing, never changed, never deleted.

They are no resources of the stack on purpose: `destroy` would take whatever else is in them. One
that is being deleted takes nothing new, and is made anew when it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from components.live.kubectl import Kubectl, TaskError, main, one_line

POLL_SECONDS = 2
LIMIT_SECONDS = 300  # where MULTUS_TIMEOUT does not say


def make(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    timeout = int(environment.get("MULTUS_TIMEOUT") or LIMIT_SECONDS)
    deadline = clock() + timeout
    made: list[str] = []
    for name in environment["MULTUS_NAMESPACES"].split(","):
        said = False
        while (live := kubectl.optional("get", "namespace", name)) is not None:
            if not leaving(live):
                break
            if clock() >= deadline:
                raise TaskError(
                    f"namespace {name} is still being deleted after {timeout} s{holding(live)}. "
                    f"See what holds it, with kubectl get namespace {name} -o yaml, and run "
                    "pulumi up again when it is gone"
                )
            if not said:
                print(f"namespace {name} is being deleted; waiting for its end", flush=True)
                said = True
            sleep(POLL_SECONDS)
        else:
            made += create(kubectl, name)
    return "\n".join(f"namespace {name} made" for name in made) or "nothing to do"


def create(kubectl: Kubectl, name: str) -> list[str]:
    try:
        kubectl.run("create", "namespace", name)
    except TaskError as failure:
        if "(AlreadyExists)" not in str(failure):
            raise
        return []  # somebody was quicker, which is as good
    return [name]


def leaving(namespace: Mapping[str, Any]) -> bool:
    return bool(namespace.get("metadata", {}).get("deletionTimestamp"))


def holding(namespace: Mapping[str, Any]) -> str:
    """What the API server says of why it takes so long."""
    reasons = [
        one_line(one.get("message", ""))
        for one in namespace.get("status", {}).get("conditions", [])
        if one.get("status") == "True"
    ]
    return "".join(f": {reason.rstrip('.')}" for reason in reasons[-1:])


if __name__ == "__main__":
    main(make)
