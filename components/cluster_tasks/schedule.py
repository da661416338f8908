"""Writes the reconciler's schedule into Whereabouts' ConfigMap, and the default back on removal.

The chart has no value for it (`<fullname>-config`, key `cron-expression`), and each Helm upgrade
resets it: so this runs again after each revision of the release. Server-side apply is no way:
giving up the field would remove the key, and without it no pod of Whereabouts starts. The
reconciler watches the mounted file and needs no restart (whereabouts cmd/reconciler).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .kubectl import Kubectl, TaskError, main

CONFIG_MAP = "whereabouts-config"
KEY = "cron-expression"


def write(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    """Write MULTUS_SCHEDULE; with MULTUS_UNDO set, MULTUS_SCHEDULE_DEFAULT."""
    undo = bool(environment.get("MULTUS_UNDO"))
    wanted = environment["MULTUS_SCHEDULE_DEFAULT" if undo else "MULTUS_SCHEDULE"]
    where = f"--namespace={environment['MULTUS_NAMESPACE']}"
    live = kubectl.optional("get", "configmap", CONFIG_MAP, where)
    if live is None:
        if undo:  # Whereabouts is gone
            return "nothing to do"
        raise TaskError(f"there is no ConfigMap {CONFIG_MAP}: is the release multus deployed?")
    if live.get("data", {}).get(KEY) == wanted:
        return f"{KEY} is {wanted} already"
    body = json.dumps({"data": {KEY: wanted}})
    kubectl.run("patch", "configmap", CONFIG_MAP, where, "--type=merge", f"--patch={body}")
    return f"{KEY} is now {wanted}"


if __name__ == "__main__":
    main(write)
