"""The recorded facts of the published charts: complete, whole, and compared without mercy."""

from __future__ import annotations

import pytest

from testbed.charts import oracle
from testbed.charts.facts import UnknownKindError, differences, distil
from testbed.charts.versions import TABLE, ChartVersion

NAD = "CustomResourceDefinition network-attachment-definitions.k8s.cni.cncf.io"
KEEP = {"helm.sh/resource-policy": "keep"}


def test_the_facts_cover_every_version_of_the_table() -> None:
    cases = oracle.cases()
    for profile in ("k3s-host-local", "k3s-dhcp", "k3s-whereabouts"):
        assert [case.version for case in cases if case.name == profile] == [
            row.version for row in TABLE
        ]
    crd = [case.version for case in cases if case.name == "crd-with-whereabouts"]
    assert crd == [row.crd_version for row in TABLE if row.crd_version]


def test_recorded_objects_are_whole() -> None:
    objects = oracle.read()["objects"]
    assert objects
    assert [key for key in objects if oracle.object_key(objects[key]) != key] == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.version)
def test_where_the_crd_lives_is_a_recorded_fact(row: ChartVersion) -> None:
    objects = {
        (case.name, case.version): case.objects
        for case in oracle.cases()
        if case.version in (row.version, row.crd_version)
    }
    main_crd = objects["k3s-host-local", row.version].get(NAD)
    match row.generation:
        case "crd-in-chart":
            assert main_crd is not None
            assert "annotations" not in main_crd
        case "crd-keep":
            assert main_crd is not None
            assert main_crd["annotations"] == KEEP
        case "split":
            assert main_crd is None
            if not row.crd_chart_is_broken:
                crd = objects["crd-without-whereabouts", str(row.crd_version)]
                assert list(crd) == [NAD]
                assert crd[NAD]["annotations"] == KEEP


def test_differences_name_the_place() -> None:
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}) == [
        "a > b: the published chart has 1, this one has 3"
    ]
    assert differences({"a": 1}, {"b": ""}) == [
        "a: the published chart has 1, this one has nothing",
        'b: the published chart has nothing, this one has ""',
    ]
    assert differences({"a": [1]}, {"a": [1]}) == []


def test_an_object_of_an_unknown_kind_is_not_passed_over() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}
    with pytest.raises(UnknownKindError, match="no facts are known of a Job"):
        distil([job], "v1.0.0")


def test_values_merge_as_helm_merges_them() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert oracle.merged(base, {"a": {"c": [3]}, "d": None}) == {
        "a": {"b": 1, "c": [3]},
        "d": None,
    }
    assert base["d"] == 1
