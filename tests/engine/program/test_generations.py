"""From each generation of the chart to each supported one, by the hand-over and Helm alone.

What the program does around them is in test_changes.py. A UID that stays is an object that was
never gone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from components.args import MultusArgs
from components.cluster_tasks import script
from components.parse import parse
from testbed.charts.package import ChartPackages, package
from testbed.cluster import Cluster
from testbed.nodes import K3S
from testbed.objects import network
from testbed.tools import Tools
from tests.engine.program import live
from tests.unit.tasks import run


class Row(NamedTuple):
    """Chart and whether Whereabouts is on, before and after, and how many networks there are."""

    before: str
    after: str
    on: tuple[bool, bool] = (True, True)
    networks: int = 10


ROWS: Final = (
    Row("v4.2.205", "v4.3.017"),  # its CRD is not kept
    Row("v4.2.409", "v4.2.418", networks=0),
    Row("v4.2.409", "v4.3.017", (False, True)),
    Row("v4.2.413", "v4.3.010", (False, False)),  # kept by the chart itself
    Row("v4.3.008", "v4.3.017", networks=1000),
    Row("v4.3.010", "v4.3.017", (False, True)),
    Row("v4.3.017", "v4.2.418"),
)
WITHOUT: Final = (
    ("v4.2.205", "every network is gone"),
    ("v4.2.409", "every network is gone"),
    ("v4.2.413", "the networks are there"),
)


def args(version: str, *, whereabouts: bool) -> MultusArgs:
    """Of a stack of the version; of one that is refused the newest's, whose values it takes."""
    chart = {"chart": {"version": version}}
    stack = {
        "cluster": {"distribution": "k3s", "version": K3S, "nodes": "multi"},
        "ipam": "whereabouts" if whereabouts else "dhcp",
    }
    found = parse({**stack, **chart}).args or parse(stack).args
    assert found is not None
    return found


def deploy(verb: str, charts: ChartPackages, stack: MultusArgs, by: tuple[Tools, Cluster]) -> None:
    """`multus-crd`, if there is one, and `multus`, as a Release does it."""
    for name, file, values in (
        ("multus-crd", charts.crd, stack.crd_values),
        ("multus", charts.main, stack.values),
    ):
        if file is not None:
            given = file.with_suffix(".values.yaml")
            given.write_text(yaml.safe_dump(values))
            live.helm(
                *by,
                verb,
                name,
                str(file),
                "--values",
                str(given),
                *["--install"][verb == "install" :],
            )
    by[1].kubectl("wait", "--for=condition=Established", live.NETWORKS_CRD)


def hand_over(stack: MultusArgs, version: str, crd: str | None, cluster: Cluster) -> None:
    done = run(
        script("crd_handover"),
        PATH=f"{cluster.program.parent}:{os.environ['PATH']}",
        HOME=str(cluster.kubeconfig.parent),  # else kubectl's cache is in the checkout
        KUBECONFIG=str(cluster.kubeconfig),
        MULTUS_NAMESPACE="kube-system",
        MULTUS_CRD_OWNER="multus-crd" if crd else "multus",
        MULTUS_CRD_CHART=crd or "",
        MULTUS_RELEASES="multus,multus-crd",
        MULTUS_CHART=version,
        MULTUS_IPAM=",".join(stack.ipams),
        MULTUS_ADOPT="true",
    )
    assert done.returncode == 0, done.stderr


def networks(cluster: Cluster, count: int) -> dict[str, str]:
    """So many of them, by hand; the UIDs of all and of their CRD."""
    if count:
        cluster.apply(*(network(f"n{number}", "{}") for number in range(count)))
    return live.uids(cluster)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.before}-{row.after}-{row.networks}")
def test_every_network_outlives_the_way(
    row: Row, cluster: Cluster, tools: Tools, tmp_path: Path
) -> None:
    old, new = (package(one, tmp_path) for one in (row.before, row.after))
    stack = args(row.after, whereabouts=row.on[1])
    deploy("install", old, args(row.before, whereabouts=row.on[0]), (tools, cluster))
    before = networks(cluster, row.networks)
    assert len(before) == row.networks + 1
    hand_over(stack, row.after, stack.chart.facts.crd_version, cluster)
    deploy("upgrade", new, stack, (tools, cluster))
    if old.crd and not new.crd:
        live.helm(tools, cluster, "uninstall", "multus-crd")
    assert live.uids(cluster) == before
    assert ("ippools.whereabouts.cni.cncf.io" in live.crds(cluster)) or not row.on[1]


@pytest.mark.parametrize(("before", "outcome"), WITHOUT)
def test_control_what_helm_alone_does(
    before: str, outcome: str, cluster: Cluster, tools: Tools, tmp_path: Path
) -> None:
    """`helm upgrade` to a chart whose CRDs are elsewhere."""
    stack = args("v4.3.017", whereabouts=True)
    deploy("install", package(before, tmp_path), stack, (tools, cluster))
    found = networks(cluster, 2)
    live.helm(tools, cluster, "upgrade", "multus", str(package("v4.3.017", tmp_path).main))
    if outcome == "every network is gone":
        cluster.wait_for(lambda: live.NETWORKS not in live.crds(cluster), "the CRD to go")
    else:
        assert live.uids(cluster) == found
