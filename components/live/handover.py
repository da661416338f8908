"""The CRDs' hand-over: make sure that no Helm operation of ours can delete a network.

Up to chart v4.3.008 the release `multus` owns the NetworkAttachmentDefinition CRD, later ones a
release of its own. Helm deletes what an upgrade no longer holds unless the live object says
`helm.sh/resource-policy: keep`, and the API server then deletes every network with its CRD; and
Helm refuses to install what is marked as another release's (rke2#8628). So before either
release, in both directions, the live CRDs are marked: keep, and owned by the release that is to
have them. CRDs of a foreign release are left alone and stop the run.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from components.live.kubectl import Kubectl, TaskError, main, one_line

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
    """Annotations and label that the live CRD lacks, empty where all is well.

    `owner` is the release that is to have it; `ours` are all releases of this program.
    """
    metadata = crd["metadata"]
    annotations = metadata.get("annotations") or {}
    labels = metadata.get("labels") or {}
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
            f"{one_line(str(where))}: "
            "another Multus is installed. Adopt it as docs/adopting.md says; do not uninstall it "
            "before, because charts up to v4.2.409 take every network along. If that release is "
            f"gone already, run: kubectl annotate crd {metadata['name']} {RELEASE_NAME}-"
        )
    wanted = {RELEASE_NAME: owner, RELEASE_NAMESPACE: namespace, KEEP: "keep"}
    patch: dict[str, dict[str, str]] = {}
    missing = {key: value for key, value in wanted.items() if annotations.get(key) != value}
    if missing:
        patch["annotations"] = missing
    if labels.get(MANAGED_BY) != "Helm":
        patch["labels"] = {MANAGED_BY: "Helm"}
    return patch


def hand_over(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    owner = environment["MULTUS_CRD_OWNER"]
    namespace = environment["MULTUS_NAMESPACE"]
    ours = environment["MULTUS_RELEASES"].split(",")
    split = environment["MULTUS_CRD_CHART"] != ""
    whereabouts = "whereabouts" in environment["MULTUS_IPAM"].split(",")
    # pulumi-command hands on what it printed before; without that this is the stack's first run.
    first = not environment.get("PULUMI_COMMAND_STDOUT")
    if first:
        refuse_foreign(kubectl, namespace, ours, adopt=bool(environment["MULTUS_ADOPT"]))
    live = existing(kubectl)
    # A chart that holds the networks' CRD has Whereabouts' in its crds folder. Helm neither owns
    # nor ever deletes what comes from there, so these need no marks.
    names = (NETWORKS, *WHEREABOUTS) if split else (NETWORKS,)
    # All are looked at before the first is changed: a foreign one stops the run as a whole.
    wanted = {name: marks(live[name], owner, namespace, ours) for name in names if name in live}
    done = [name for name, patch in wanted.items() if patch]
    if whereabouts and not split and WHEREABOUTS[0] not in live and installed(kubectl, namespace):
        raise TaskError(
            "this version of the chart brings Whereabouts' CRDs only when it is first installed, "
            "and it is installed without them. Set multus:chart.version to v4.3.010 or later"
        )
    for name in done:
        body = json.dumps({"metadata": wanted[name]})
        kubectl.run("patch", "crd", name, "--type=merge", f"--patch={body}")
    return "\n".join(f"{name} now belongs to release {owner}" for name in done) or "nothing to do"


def existing(kubectl: Kubectl) -> dict[str, Any]:
    """Those of our CRDs that are there. A cluster's CRDs all together may be 100 MB."""
    found = kubectl.optional("get", "crds", NETWORKS, *WHEREABOUTS)
    items = [] if found is None else found["items"] if found.get("kind") == "List" else [found]
    return {item["metadata"]["name"]: item for item in items}


def newest(kubectl: Kubectl, namespace: str, release: str) -> Any | None:
    """The Secret of a release's newest revision, in which Helm keeps its state."""
    selector = f"--selector=owner=helm,name={release}"
    secrets = kubectl.json("get", "secrets", f"--namespace={namespace}", selector)["items"]
    return max(secrets, key=lambda one: int(one["metadata"]["labels"]["version"]), default=None)


def installed(kubectl: Kubectl, namespace: str, release: str = "multus") -> bool:
    """Whether Helm has that release there, and not only its history (`--keep-history`)."""
    secret = newest(kubectl, namespace, release)
    return secret is not None and secret["metadata"]["labels"].get("status") != "uninstalled"


def refuse_foreign(kubectl: Kubectl, namespace: str, ours: Sequence[str], *, adopt: bool) -> None:
    """A release of our name that the state does not know: Helm would stop at it half-way."""
    for release in ours:
        secret = newest(kubectl, namespace, release)
        if secret is None:
            continue
        if secret["metadata"]["labels"].get("status") == "uninstalled":
            raise TaskError(
                f"Helm release {release} in {namespace} is uninstalled, but its history was kept, "
                "and Helm does not use the name again; nothing was changed. Remove the history, "
                f"which deletes nothing else: helm uninstall {release} --namespace {namespace}"
            )
        if adopt:
            continue
        raise TaskError(
            f"Helm release {release} is in {namespace} already ({described(secret)}), and this "
            "stack's state knows of no run before; nothing was changed. Adopt it as "
            "docs/adopting.md says, with multus:adopt: true; do not uninstall it before, because "
            "charts up to v4.2.409 take every network along"
        )


def described(secret: Mapping[str, Any]) -> str:
    """Status, revision, chart and time of a release, as far as its Secret can be read."""
    labels = secret["metadata"]["labels"]
    facts = [labels.get("status", "of unknown status"), f"revision {labels['version']}"]
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        release = json.loads(gzip.decompress(packed))
        chart = release["chart"]["metadata"]
        facts += [f"chart {chart['name']} {chart['version']}", release["info"]["last_deployed"]]
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error):
        pass  # a later Helm may pack it in another way; the labels say enough
    return one_line(", ".join(facts))


if __name__ == "__main__":
    main(hand_over)
