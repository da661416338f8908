"""Looks for releases whose last Helm operation has no end, and ends it.

Helm first writes into its record what it is about to do, and at the end what became of it. Where
it was killed, or the API server was away at the end, the first stays, and Helm refuses each
further upgrade: another operation could still be in progress. Once none can be, the record is
written as Helm writes that of an operation that failed, and upgrades go on from there.

Without MULTUS_ENDS it only looks. MULTUS_ENDS has, by release, what its record becomes: "failed",
or "removed" for one that the stack's state does not know, whose objects an install then takes over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from math import ceil
from typing import Any

from .helm_records import KNOWN, newest, packed, status, unpacked
from .kubectl import Kubectl, main

Live = dict[str, Any]

POLL_SECONDS = 2
OPEN = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


def unfinished(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> str:
    """JSON: of each such release revision, status, whether it is `wanted`, seconds to wait."""
    space, timeout = environment["MULTUS_NAMESPACE"], int(environment["MULTUS_TIMEOUT"])
    wanted = json.loads(environment["MULTUS_WANTED"])
    ends = json.loads(environment.get("MULTUS_ENDS", "{}"))
    until = clock() + timeout
    while True:
        now = clock()
        found = records(kubectl, space, wanted)
        waits = {name: left(secret, now, timeout) for name, secret in found.items()}
        if now >= until or not any(waits[name] for name in ends if name in waits):
            break
        sleep(POLL_SECONDS)
    for name in ends.keys() & found.keys():
        end(kubectl, space, found[name], ends[name])
    return json.dumps(
        {
            name: {
                "revision": secret["metadata"]["labels"]["version"],
                "status": status(secret),
                "wanted": digest(secret) == wanted[name],
                "wait": waits[name],
            }
            for name, secret in found.items()
        }
    )


def records(kubectl: Kubectl, space: str, names: Mapping[str, Any]) -> dict[str, Live]:
    """The newest record of each release where more is to be done.

    That is where an operation failed or has no end, or where an install may have ended without the
    engine. Asked for as a table first, which leaves the contents with the API server.
    """
    select = f"--selector=owner=helm,name in ({','.join(names)})"
    columns = (f"--label-columns=name,version,status,{KNOWN}", "--no-headers")
    table = kubectl.run("get", "secrets", f"--namespace={space}", select, *columns)
    last: dict[str, tuple[int, str, bool]] = {}
    for line in table.splitlines():
        name, version, state, *marked = line.split()[4:]  # after those that every table has
        last[name] = max(last.get(name, (0, "", False)), (int(version), state, bool(marked)))
    asked = [
        name
        for name, (version, state, known) in last.items()
        if state in (*OPEN, "failed") or (version, state, known) == (1, "deployed", False)
    ]
    found = {name: newest(kubectl, space, name) for name in asked}
    return {name: one for name, one in found.items() if one is not None}


def left(secret: Live, now: float, timeout: int) -> int:
    """Seconds in which Helm could still be at work on it, as it never is for longer than that."""
    if status(secret) not in OPEN:
        return 0
    stamp = secret["metadata"]["creationTimestamp"].replace("Z", "+00:00")
    return max(0, ceil(datetime.fromisoformat(stamp).timestamp() + timeout - now))


def digest(secret: Live) -> str:
    record = unpacked(secret)
    return digest_of(record["chart"]["metadata"]["version"], record.get("config") or {})


def digest_of(version: str, values: Mapping[str, Any]) -> str:
    """Tells releases of other charts or values apart; values may be secret."""
    return sha256(json.dumps([version, values], sort_keys=True).encode()).hexdigest()


def end(kubectl: Kubectl, space: str, secret: Live, how: str) -> None:
    meta = secret["metadata"]
    if how == "removed":
        select = f"--selector=owner=helm,name={meta['labels']['name']}"
        kubectl.run("delete", "secrets", f"--namespace={space}", select)
    elif status(secret) in OPEN:
        record = unpacked(secret)
        record["info"]["status"] = "failed"
        record["info"]["description"] = f"no end of {status(secret)} was written"
        meta["labels"]["status"] = "failed"
        secret["data"]["release"] = packed(record)
        # With its resourceVersion: a Helm that is at work after all is not written over.
        kubectl.put(f"/api/v1/namespaces/{space}/secrets/{meta['name']}", secret)


if __name__ == "__main__":
    main(unfinished)
