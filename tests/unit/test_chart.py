"""The chart's table: which versions there are, which are refused, and where the CRDs are."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

import pytest
from pydantic import ValidationError

from components.chart import (
    CHART,
    CRD_CHART,
    DEFAULT,
    FIRST_GOOD,
    VERSIONS,
    Chart,
    number_of,
    refusal,
)
from testbed.charts.versions import TABLE

BROKEN: Final = "v4.3.009"

# (version, words of the reason, first good version)
REFUSED: Final = [
    ("v4.0.2-build2023081108", "before K3s's paths could be set", FIRST_GOOD),
    ("v3.9.3-build2023010902", "before K3s's paths could be set", FIRST_GOOD),
    ("v4.1.405", "crashes or never calls Multus", FIRST_GOOD),
    ("v4.2.106", "crashes or never calls Multus", FIRST_GOOD),
    ("v4.2.107", "crashes or never calls Multus", FIRST_GOOD),
    ("v4.2.108", "its token expires", FIRST_GOOD),
    ("v4.2.302", "its token expires", FIRST_GOOD),
    ("v4.2.303", "deletes every network", FIRST_GOOD),
    ("v4.2.409", "deletes every network", FIRST_GOOD),
    ("v4.2.410", "its DHCP daemon", FIRST_GOOD),
    ("v4.2.413", "its DHCP daemon", FIRST_GOOD),
    (BROKEN, "its CRD chart does not render", "v4.3.010"),
]


@pytest.mark.parametrize(("version", "reason", "good"), REFUSED)
def test_refuses_with_the_reason_and_the_first_good_version(
    version: str, reason: str, good: str
) -> None:
    said = refusal(version)
    assert said is not None
    assert reason in said
    assert f"Use {good} or later" in said
    assert refusal(good) is None


FOREIGN: Final = [
    ("4.3.017", 'Did you mean "v4.3.017"?'),
    ("v4.3.17", 'Did you mean "v4.3.017"?'),
    ("4.3.17", 'Did you mean "v4.3.017"?'),
    ("latest", f'Write it like "{DEFAULT}"'),
    ("", f'Write it like "{DEFAULT}"'),
    ("v4.3.017\n", "that is no version of the chart"),
    ("v4.3.017-rc1", f'Write it like "{DEFAULT}"'),
    ("v4.3.999", f"The newest known version is {DEFAULT}"),
    ("v9.9.999", f"The newest known version is {DEFAULT}"),
]


@pytest.mark.parametrize(("version", "said"), FOREIGN)
def test_refuses_what_is_no_version(version: str, said: str) -> None:
    assert said in (refusal(version) or "")


def test_every_published_version_from_the_first_good_one_is_known() -> None:
    """Held to the other table of this project, which knows each version by its images."""
    published = {row.version for row in TABLE if row.number >= number_of(FIRST_GOOD)}
    assert set(VERSIONS) == published - {BROKEN}
    assert {version for version in VERSIONS if refusal(version)} == set()


def test_the_default_is_the_newest() -> None:
    assert max(VERSIONS, key=number_of) == DEFAULT == Chart().version


def test_the_table_is_sound() -> None:
    dates = [date.fromisoformat(row.published) for row in VERSIONS.values()]
    assert dates == sorted(dates)
    digests: list[str] = []
    for version, row in VERSIONS.items():
        assert row.version == version
        digests += [row.sha256] + ([row.crd_sha256] if row.crd_sha256 else [])
        assert (row.crd_version is None) == (row.crd_sha256 is None)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    assert len(set(digests)) == len(digests)


CRD_VERSIONS: Final = [
    ("v4.2.414", None, False),
    ("v4.2.415", None, True),
    ("v4.3.008", None, True),
    ("v4.3.010", "4.3.010", True),
    ("v4.3.017", "4.3.017", True),
]


@pytest.mark.parametrize(("version", "crd", "reconciler"), CRD_VERSIONS)
def test_what_changed_when(version: str, crd: str | None, *, reconciler: bool) -> None:
    row = VERSIONS[version]
    assert (row.crd_version, row.reconciler_deployment) == (crd, reconciler)


@pytest.mark.parametrize("row", [row for row in TABLE if row.version in VERSIONS], ids=str)
def test_the_crd_chart_is_where_the_testbed_has_it(row: Any) -> None:
    assert VERSIONS[row.version].crd_version == row.crd_version


def test_packages_are_the_published_ones() -> None:
    main, crds = Chart().packages
    assert (main.chart, main.version, main.sha256) == (CHART, DEFAULT, VERSIONS[DEFAULT].sha256)
    assert (crds.chart, crds.version) == (CRD_CHART, DEFAULT[1:])
    assert crds.sha256 == VERSIONS[DEFAULT].crd_sha256
    assert main.file_name == f"rke2-multus-{DEFAULT}.tgz"
    assert crds.file_name == f"rke2-multus-crd-{DEFAULT[1:]}.tgz"
    assert [one.chart for one in Chart(version="v4.2.418").packages] == [CHART]


def test_digests_of_ones_own_replace_the_published_ones() -> None:
    chart = Chart(sha256="sha256:" + "A" * 64, crd_sha256="b" * 64)
    assert [one.sha256 for one in chart.packages] == ["a" * 64, "b" * 64]


BAD: Final = [
    ({"version": 4.3}, "YAML read it as a number"),
    ({"version": None}, "nothing stands there. Write a text"),
    ({"version": "v4.3." + "7" * 5000}, "that is no version of the chart"),
    ({"sha256": "a" * 63}, "64 hexadecimal digits"),
    ({"sha256": "g" * 64}, "64 hexadecimal digits"),
    ({"sha256": 7}, "64 hexadecimal digits"),
    ({"repository": "rke2-charts.rancher.io"}, "has a URL"),
    ({"repository": "file:///charts"}, "has a URL"),
    ({"repository": "oci://"}, "has a URL"),
    ({"repository": "ftp://charts.lan/rke2"}, "has a URL"),
    ({"repository": "https://"}, "has a URL"),
    ({"repository": "https://x/ y"}, "has a URL"),
    ({"repository": None}, "has a URL"),
    ({"path": ""}, "a folder's path is one line"),
]


@pytest.mark.parametrize(("fields", "said"), BAD)
def test_refuses(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Chart.model_validate(fields)
    assert said in str(caught.value)


def test_a_repository_has_no_slash_at_its_end() -> None:
    assert Chart(repository="http://charts.lan/rke2//").repository == "http://charts.lan/rke2"
