"""Gives the CRDs to the release that is to own them, so that no Helm operation deletes a network.

Up to chart v4.3.008 the release `multus` owns the CRD of the networks; later charts have a release
for CRDs. On an upgrade Helm deletes what the chart no longer contains unless the live object says
`helm.sh/resource-policy: keep`, and the API server deletes every network with its CRD. Helm also
refuses to install what is marked as another release's (rke2#8628). So this runs before both
releases, for upgrades and downgrades. CRDs of a foreign release stop the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .helm_records import newest, status, unpacked
from .kubectl import Kubectl, TaskError, main, one_line
from .removal import removed

NETWORKS = "network-attachment-definitions.k8s.cni.cncf.io"
WHEREABOUTS = (
    "ippools.whereabouts.cni.cncf.io",
    "nodeslicepools.whereabouts.cni.cncf.io",
    "overlappingrangeipreservations.whereabouts.cni.cncf.io",
)
RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
MANAGED_BY = "app.kubernetes.io/managed-by"
KEEP = "helm.sh/resource-policy"


def marks(
    crd: Mapping[str, Any], owner: str, namespace: str, ours: Sequence[str]
) -> dict[str, dict[str, str]]:
    """What a live CRD lacks in order to be `owner`'s; raises TaskError unless it may be taken.

    `ours` are all releases of this program.
    """
    metadata = crd["metadata"]
    annotations = metadata.get("annotations") or {}
    holder = annotations.get(RELEASE_NAME)
    where = annotations.get(RELEASE_NAMESPACE)
    if metadata.get("deletionTimestamp"):
        raise TaskError(
            f"CRD {metadata['name']} is being deleted, and every object of its kind with it; "
            "nothing was changed. When `kubectl get crds` no longer lists it, run pulumi up again"
        )
    if holder is not None and (holder not in ours or where != namespace):
        raise TaskError(
            f"CRD {metadata['name']} belongs to Helm release {one_line(holder)} in namespace "
            f"{one_line(str(where))}: another Multus is installed. Adopt it as docs/adopting.md "
            "says; do not uninstall it before, because charts up to v4.2.409 take every network "
            "along. If that release is gone already, run: "
            f"kubectl annotate crd {metadata['name']} {RELEASE_NAME}-"
        )
    wanted = {RELEASE_NAME: owner, RELEASE_NAMESPACE: namespace, KEEP: "keep"}
    missing = {key: value for key, value in wanted.items() if annotations.get(key) != value}
    patch = {"annotations": missing} if missing else {}
    if (metadata.get("labels") or {}).get(MANAGED_BY) != "Helm":
        patch["labels"] = {MANAGED_BY: "Helm"}
    return patch


def hand_over(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    """Mark the CRDs. With MULTUS_UNDO set the releases are gone, and it says what is left."""
    if environment.get("MULTUS_UNDO"):
        return removed(kubectl, environment)
    owner = environment["MULTUS_CRD_OWNER"]
    namespace = environment["MULTUS_NAMESPACE"]
    ours = environment["MULTUS_RELEASES"].split(",")
    split = environment["MULTUS_CRD_CHART"] != ""
    # pulumi-command passes what the task printed the last time; without it this is the first run.
    if not environment.get("PULUMI_COMMAND_STDOUT"):
        for release in ours:
            adopt = bool(environment["MULTUS_ADOPT"])
            refuse_foreign(newest(kubectl, namespace, release), release, namespace, adopt=adopt)
    live = existing(kubectl)
    # Charts that contain the networks' CRD have those of Whereabouts in their crds folder. Helm
    # neither owns nor deletes these, so they need no marks.
    names = (NETWORKS, *WHEREABOUTS) if split else (NETWORKS,)
    # All are checked before the first is changed.
    wanted = {name: marks(live[name], owner, namespace, ours) for name in names if name in live}
    whereabouts = "whereabouts" in environment["MULTUS_IPAM"].split(",")
    if whereabouts and not split and WHEREABOUTS[0] not in live:
        secret = newest(kubectl, namespace, "multus")
        if secret is not None and status(secret) != "uninstalled":
            raise TaskError(
                "this version of the chart installs Whereabouts' CRDs only when it is first "
                "installed, and it is installed without them. Set multus:chart.version to "
                "v4.3.010 or later"
            )
    done = [name for name, patch in wanted.items() if patch]
    for name in done:
        body = json.dumps({"metadata": wanted[name]})
        kubectl.run("patch", "crd", name, "--type=merge", f"--patch={body}")
    return "\n".join(f"{name} now belongs to release {owner}" for name in done) or "nothing to do"


def existing(kubectl: Kubectl) -> dict[str, Any]:
    """The live ones among our CRDs. All CRDs of a cluster may be 100 MB."""
    found = kubectl.optional("get", "crds", NETWORKS, *WHEREABOUTS)
    items = [] if found is None else found["items"] if found.get("kind") == "List" else [found]
    return {item["metadata"]["name"]: item for item in items}


def refuse_foreign(secret: Any | None, release: str, namespace: str, *, adopt: bool) -> None:
    """Stop at a release that is not in the stack's state: Helm would stop at it half-way."""
    if secret is not None and status(secret) == "uninstalled":
        raise TaskError(
            f"Helm release {release} in {namespace} is uninstalled, but its history was kept, "
            "and Helm does not use the name again; nothing was changed. Remove the history, "
            f"which deletes nothing else: helm uninstall {release} --namespace {namespace}"
        )
    if secret is not None and not adopt:
        raise TaskError(
            f"Helm release {release} is in {namespace} already ({described(secret)}), and this "
            "stack's state knows of no run before; nothing was changed. Adopt it as "
            "docs/adopting.md says, with multus:adopt: true; do not uninstall it before, because "
            "charts up to v4.2.409 take every network along"
        )


def described(secret: Mapping[str, Any]) -> str:
    """Status, revision, chart and time of a release, as far as its Secret can be read."""
    facts = [status(secret), f"revision {secret['metadata']['labels']['version']}"]
    try:
        release = unpacked(secret)
        chart = release["chart"]["metadata"]
        facts += [f"chart {chart['name']} {chart['version']}", release["info"]["last_deployed"]]
    except (TaskError, KeyError, TypeError):
        pass  # a later Helm may store it in another way; the labels say enough
    return one_line(", ".join(facts))


if __name__ == "__main__":
    main(hand_over)
