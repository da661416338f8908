"""Refuses to take Multus away as long as nodes have the file that makes pods wait for it.

Without Multus no pod would start there any more. It is created last, so that `destroy` comes to it
first. Nodes tell by the label MULTUS_LABEL whether they have the file MULTUS_FILE.
"""

from __future__ import annotations

from collections.abc import Mapping

from .kubectl import Kubectl, TaskError, main, one_line

MOST_NAMES = 5


def check(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    """With MULTUS_UNDO set, raise TaskError for nodes that have the file."""
    if not environment.get("MULTUS_UNDO"):
        return "destroy will ask the nodes first"
    if environment.get("MULTUS_LEAVE_NODES"):
        return "the nodes are left as they are: without Multus no pod starts on them"
    label = environment["MULTUS_LABEL"]
    nodes = kubectl.json("get", "nodes", "--selector", label)["items"]
    if nodes:
        names = [one_line(node["metadata"]["name"]) for node in nodes]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        raise TaskError(
            f"nothing was removed: pods on {', '.join(names[:MOST_NAMES])}{more} wait for Multus, "
            f"and without it none would start. On each node remove {environment['MULTUS_FILE']} "
            f"and what sets the label {label}. Then run kubectl label nodes --all {label}- and "
            "pulumi destroy again. If the cluster goes away anyway: MULTUS_LEAVE_NODES=true "
            "pulumi destroy"
        )
    return "no node waits for Multus"


if __name__ == "__main__":
    main(check)
