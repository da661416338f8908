"""Keeps Multus's configuration on the nodes while its pods are replaced.

Multus's entrypoint removes its configuration when it ends (`cleanupMultusConf` in
cmd/thin_entrypoint/main.go), and until the next pod has written it anew the runtime takes
flannel's. A copy under a name that comes between the two is taken instead. Multus is then called
with the token of a pod that is gone, is refused by the API server, and the kubelet tries again:
pods wait for the few seconds.

A DaemonSet makes the copies, in an image that each node has, of the chart's init container. It
takes them away when it is deleted (`readiness.py`), or by itself after a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .kubectl import Kubectl, main

Live = dict[str, Any]  # an object as kubectl prints it

MULTUS = "multus"  # the chart's DaemonSet
POLL_SECONDS = 1
READY_SECONDS = 30  # in which a node must have its copy; one that does not answer has none
HELD_SECONDS = 600  # after which a copy goes, whatever became of the run
# Of the names that begin so Multus takes none for the cluster's own network (getMasterConfigPath);
# these come after its own two, and before 10-flannel.conflist.
SCRIPT = """\
cd /held
exists() { [ -e 00-multus.conf ] || [ -e 00-multus.conflist ]; }
drop() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do exists && break; sleep 1; done
  rm -f 00-multus.conflist.held.conf 00-multus.conflist.held.conflist .held
}
trap 'drop; exit 0' TERM
left=$HELD_SECONDS
while [ "$left" -gt 0 ]; do
  for end in conf conflist; do
    if [ -e 00-multus.$end ] && ! [ -e 00-multus.conflist.held.$end ]; then
      cp 00-multus.$end .held && mv -f .held 00-multus.conflist.held.$end
    fi
  done
  : > /copied
  left=$((left - 1))
  sleep 1 & wait $!
done
drop
sleep 2147483647 & wait $!
"""


def daemonset(multus: Live, name: str) -> Live | None:
    """The DaemonSet that holds the configuration of the live `multus`; None if it has no such."""
    pod = multus["spec"]["template"]["spec"]
    volumes = [one for one in pod.get("volumes") or () if one["name"] == "cni"]
    first = next(iter(pod.get("initContainers") or ()), None)
    if first is None or not volumes:
        return None
    labels = {"app": name}
    container = {
        "name": "hold",
        "image": first["image"],
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", SCRIPT],
        "env": [{"name": "HELD_SECONDS", "value": str(HELD_SECONDS)}],
        "securityContext": {"privileged": True},  # as Multus's: SELinux guards the directory
        "volumeMounts": [{"name": "cni", "mountPath": "/held"}],
        "readinessProbe": {"exec": {"command": ["test", "-e", "/copied"]}, "periodSeconds": 1},
    }
    same = ("nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName")
    spec = {
        **{key: pod[key] for key in same if key in pod},
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 30,
        "containers": [container],
        "volumes": volumes,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": multus["metadata"]["namespace"], "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def hold(
    kubectl: Kubectl,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    space, name = environment["MULTUS_NAMESPACE"], environment["MULTUS_HOLD"]
    where = f"--namespace={space}"
    multus = kubectl.optional("get", "daemonset", MULTUS, where)
    made = multus and daemonset(multus, name)
    if not made:
        return "there is no configuration to hold"
    kubectl.run("delete", "daemonset", name, where, "--ignore-not-found")
    kubectl.post(f"/apis/apps/v1/namespaces/{space}/daemonsets", made)
    until = clock() + READY_SECONDS
    while True:
        status = kubectl.json("get", "daemonset", name, where).get("status", {})
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        if status.get("observedGeneration") and ready >= wanted:
            return f"Multus's configuration is held on {ready} nodes"
        if clock() >= until:
            return (
                f"Multus's configuration is held on {ready} of {wanted} nodes. Pods that start on "
                "the others while Multus is replaced get no networks"
            )
        sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(hold)
