"""Creates the networks' namespaces where they are missing. It never changes or deletes one.

They are no resources of the stack: `destroy` would delete everything else in them. A namespace
that is being deleted accepts no new object, so it is created again once it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .kubectl import Kubectl, TaskError, main, one_line

POLL_SECONDS = 2
LIMIT_SECONDS = 300  # where MULTUS_TIMEOUT does not say


def create_all(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    timeout = int(environment.get("MULTUS_TIMEOUT") or LIMIT_SECONDS)
    deadline = clock() + timeout
    created = []
    for name in environment["MULTUS_NAMESPACES"].split(","):
        said = False
        while (live := kubectl.optional("get", "namespace", name)) is not None:
            if not live["metadata"].get("deletionTimestamp"):
                break
            if clock() >= deadline:
                raise TaskError(
                    f"namespace {name} is still being deleted after {timeout} s{reason(live)}. "
                    f"See what holds it, with kubectl get namespace {name} -o yaml, and run "
                    "pulumi up again when it is gone"
                )
            if not said:
                print(f"namespace {name} is being deleted; waiting until it is gone", flush=True)
                said = True
            sleep(POLL_SECONDS)
        else:
            try:
                kubectl.run("create", "namespace", name)
                created.append(name)
            except TaskError as failure:
                if "(AlreadyExists)" not in str(failure):  # somebody else may have been faster
                    raise
    return "\n".join(f"namespace {name} created" for name in created) or "nothing to do"


def reason(namespace: Mapping[str, Any]) -> str:
    """Why the deletion takes so long, as the API server says."""
    said = [
        one_line(one.get("message", ""))
        for one in namespace.get("status", {}).get("conditions", [])
        if one.get("status") == "True"
    ]
    return f": {said[-1].rstrip('.')}" if said else ""


if __name__ == "__main__":
    main(create_all)
