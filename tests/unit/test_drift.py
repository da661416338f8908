"""What is read as drift: from kubectl's differences, and from what Helm keeps."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from components.doctor.releases import REFRESH, REPAIR
from components.drift import OF_THE_STACK, drifted, in_diff, manifests, networks, of_releases
from tests.stacks.files import arguments

PROD: Final = arguments("prod")


def part(name: str, *lines: str) -> str:
    """What `kubectl diff` prints of an object."""
    live, merged = f"/tmp/LIVE-1/{name}", f"/tmp/MERGED-2/{name}"  # noqa: S108  as kubectl names them
    head = (f"diff -u -N {live} {merged}", f"--- {live}\t2026-11-27", f"+++ {merged}\t2026-11-27")
    return "".join(f"{one}\n" for one in (*head, *lines))


CRON: Final = ("-  cron-expression: '@daily'", "+  cron-expression: 30 4 * * *")
DASHES: Final = ("---- a document of YAML", "+  config: '{}'")
NETWORK: Final = "k8s.cni.cncf.io.v1.NetworkAttachmentDefinition.default.lan.2"
DIFF: Final = (
    part("apps.v1.DaemonSet.kube-system.multus", "@@ -0,0 +1,2 @@", "+kind: DaemonSet")
    + part("v1.ConfigMap.kube-system.whereabouts-config", "@@ -1,4 +1,4 @@", " data:", *CRON)
    + part(NETWORK, "@@ -1 +1 @@", *DASHES)
    + part("apiextensions.k8s.io.v1.CustomResourceDefinition..pools.x.y", "@@ -0,0 +1 @@", "+a: b")
)


def test_each_object_of_a_difference_is_one_line() -> None:
    assert [*in_diff(DIFF)] == [
        drifted("DaemonSet kube-system/multus", "is gone", REPAIR),
        drifted(
            "ConfigMap kube-system/whereabouts-config",
            "was edited (- as it is, + as it should be)",
            REPAIR,
            *CRON,
        ),
        drifted(
            "NetworkAttachmentDefinition default/lan.2",
            f"{OF_THE_STACK[1]} (- as it is, + as it should be)",
            REFRESH,
            *DASHES,
        ),
        drifted("CustomResourceDefinition pools.x.y", "is gone", REPAIR),
    ]
    assert [*in_diff("")] == []


def records(**changes: Any) -> dict[str, Any]:
    """What Helm keeps of both releases, as they should be, with changes of the main one."""

    def record(version: str | None, values: Any) -> dict[str, Any]:
        return {
            "info": {"status": "deployed"},
            "chart": {"metadata": {"version": version}},
            "config": values,
            "manifest": "---\nkind: A\n",
        }

    chart = PROD.chart
    return {
        "multus": record(chart.version, PROD.values) | changes,
        "multus-crd": record(chart.facts.crd_version, PROD.crd_values),
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"info": {"status": "failed"}}, ["release multus has the status failed"]),
        ({"config": {}}, ["release multus has other values than the stack says"]),
        (
            {"chart": {"metadata": {"version": "v4.2.418"}}},
            ["release multus has the chart v4.2.418, and the stack says v4.3.017"],
        ),
    ],
)
def test_a_release_is_compared_with_the_stack(changes: Any, said: list[str]) -> None:
    assert [f"{one.subject} {one.message}" for one in of_releases(PROD, records(**changes))] == said


def test_values_that_are_a_secret_are_not_compared() -> None:
    assert [*of_releases(PROD, records(config={}), values_known=False)] == []


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-install", "failed"])
def test_up_goes_on_with_a_release_that_helm_was_killed_in(status: str) -> None:
    [one] = of_releases(PROD, records(info={"status": status}))
    assert one.command == "pulumi up"


def test_a_release_that_is_gone() -> None:
    gone = {"multus": None, "multus-crd": None}
    said = [f"{one.subject} {one.message}" for one in of_releases(PROD, gone)]
    assert said == ["release multus-crd is gone", "release multus is gone"]
    assert [*of_releases(PROD.model_copy(update={"deploy": "networks"}), gone)] == []


def test_what_is_compared_is_what_was_applied() -> None:
    applied = yaml.safe_load_all(manifests(records()))
    assert [one for one in applied if one] == [{"kind": "A"}] * 2
    found = [*yaml.safe_load_all(networks(PROD))]
    assert [one["metadata"]["name"] for one in found] == ["storage", "edge"]
    assert found[0]["spec"]["config"] == PROD.networks[0].render()
