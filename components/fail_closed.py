"""The file of a node that makes pods wait while Multus is away, and the label that tells of it.

Multus writes 00-multus.conflist (00-multus.conf for an older CNI version) and removes it when it
ends; containerd then takes the next file by name, the default network's, and pods start without
their networks. This file comes between the two. Its network is on an interface that no node has,
so that ADD fails and the kubelet tries again until Multus is back. DEL works: Multus takes what it
kept of a pod's ADD (`CmdDel` in pkg/multus/multus.go), and macvlan's needs no master. Multus never
takes the file for the default network: it passes over names that begin with 00-multus.conf
(`getMasterConfigPath` in cmd/thin_entrypoint/main.go of 4.2.4 and 4.3.0), and at its end it removes
its own two names alone. ADR 16 has what else was tried.
"""

from __future__ import annotations

import json
from typing import Final

NAME: Final = "00-multus.conflist-wait.conflist"
NETWORK: Final = "wait-for-multus"
"""Name of the network and of its master, which is as long as an interface's can be."""
LABEL: Final = "multus-k3s/fail-closed"
LONGEST: Final = 63  # characters of a label's value
CONFIGURATION: Final = {
    "cniVersion": "1.0.0",
    "name": NETWORK,
    "plugins": [
        {
            "type": "multus",
            "delegates": [{"name": NETWORK, "type": "macvlan", "master": NETWORK}],
        }
    ],
}


def path(conf_dir: str) -> str:
    """Where the file is on every node: where the container runtime looks."""
    return f"{conf_dir}/{NAME}"


def content() -> str:
    """The file, which is the same on all nodes of all clusters."""
    return json.dumps(CONFIGURATION, indent=2) + "\n"


def mark(conf_dir: str) -> str:
    """The label's value, which tells the file's directory: etc.cni.net.d."""
    return conf_dir.replace("/", ".")[-LONGEST:].strip("._-")
