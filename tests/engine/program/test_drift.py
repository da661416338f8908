"""`multus-k3s drift` on a real cluster: each way to drift is found, and repaired as it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import SPLIT, MakeProgram

IN: Final = ("-n", "kube-system")
SETTINGS: Final[dict[str, Any]] = {
    "ipam": "whereabouts",
    "networks": [
        {
            "name": "lan",
            "type": "macvlan",
            "master": "eth1",
            "ipam": {"type": "whereabouts", "range": "192.168.20.0/24"},
        }
    ],
}


def drift(checkout: Workspace, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "components.cli", "drift", "staging", *arguments],
        cwd=checkout.path,
        env=checkout.engine.environment(checkout.env),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def delete(cluster: Cluster, *what: str) -> Callable[[], object]:
    return lambda: cluster.kubectl("delete", *what, "--wait=true")


def patch(cluster: Cluster, what: str, change: Any, *where: str) -> Callable[[], object]:
    text = json.dumps(change)
    return lambda: cluster.kubectl("patch", what, *where, "--type=merge", "-p", text)


def test_each_way_to_drift_is_found_and_repaired(
    cluster: Cluster, program: MakeProgram, repository: Repository, tools: Tools
) -> None:
    checkout = program("staging", cluster, **SETTINGS)
    checkout.up("staging").check()
    status, text = drift(checkout)
    assert (status, text) == (0, "nothing is wrong\n")
    before = live.uids(cluster)

    network = "network-attachment-definition/lan"
    again = ("upgrade", "multus", str(repository.packages[SPLIT].main), "--reuse-values")
    ways: dict[str, Callable[[], object]] = {
        "DaemonSet kube-system/multus is gone": delete(cluster, "daemonset", "multus", *IN),
        "ConfigMap kube-system/whereabouts-config was edited": patch(
            cluster, "configmap/whereabouts-config", {"data": {"cron-expression": "@daily"}}, *IN
        ),
        "DaemonSet kube-system/whereabouts was edited": patch(
            cluster,
            "daemonset/whereabouts",
            {"spec": {"template": {"spec": {"priorityClassName": None}}}},
            *IN,
        ),
        "NetworkAttachmentDefinition default/lan is not what the stack says": patch(
            cluster, network, {"spec": {"config": "{}"}}
        ),
        "release multus has other values": lambda: live.helm(
            tools, cluster, *again, "--set", "labels.x=y"
        ),
        "NetworkAttachmentDefinition default/lan is not there": delete(cluster, network),
        "release multus is gone": lambda: live.helm(tools, cluster, "uninstall", "multus"),
    }
    for said, way in ways.items():
        way()
        status, text = drift(checkout)
        assert status == 2, text
        assert said in text
        repair = text.partition(said)[2].partition("next: ")[2].splitlines()[0]
        if repair == "pulumi up --refresh":
            checkout.up("staging", refresh=True).check()
        else:
            assert repair == "pulumi config set multus:repair WHY && pulumi up"
            # The control arm: without it nothing is seen.
            seen = checkout.preview("staging", refresh=True).check().changes
            assert {one.name for one in seen} <= {"multus-ready"}, seen
            checkout.configure("staging", {"repair": said})
            checkout.up("staging").check()
        status, text = drift(checkout)
        assert status == 0, f"after {said}: {text}"
    assert live.uids(cluster)["crd"] == before["crd"]

    cluster.kubectl("delete", live.NETWORKS_CRD)
    status, text = drift(checkout)
    assert (status, f"{live.NETWORKS} is gone" in text) == (2, True), text
    checkout.configure("staging", {"repair": "the CRD"})
    checkout.up("staging", refresh=True).check()
    status, text = drift(checkout)
    assert status == 0, text


def test_what_cannot_be_read_is_one_line(program: MakeProgram) -> None:
    checkout = program("staging", **SETTINGS)
    status, text = drift(checkout)
    assert status == 1
    assert text.startswith("error: ")
    assert text.count("\n") == 1
