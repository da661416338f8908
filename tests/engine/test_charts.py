"""The stand-in charts render what the published charts render, by the recorded facts.

Everything else in this folder deploys the stand-ins, so whatever it shows is worth as much as this
file. Where RKE2_CHARTS names a folder of published packages, they are held to the facts as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed.charts import oracle
from testbed.charts.assemble import SOURCES
from testbed.charts.facts import differences, distil, image_tags
from testbed.charts.faults import Corrupted, Tampered
from testbed.charts.oracle import Case
from testbed.charts.package import REAL_CHARTS, ChartPackages, packages_from, standin
from testbed.charts.render import RenderError, render
from testbed.charts.repository import Repository
from testbed.tools import Tools

MUTATIONS: Final = yaml.safe_load(Path(__file__).with_name("wrong_templates.yaml").read_text())

CASES = oracle.cases()
PROFILES = ("k3s-host-local", "k3s-dhcp", "k3s-whereabouts")


Packages = Callable[[str], ChartPackages]


@pytest.fixture(scope="session")
def helm(tools: Tools) -> Path:
    return tools.path("helm")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    folder = tmp_path_factory.mktemp("stand-ins")
    return cache(lambda version: standin(version, folder))


def _package(case: Case, packages: ChartPackages) -> Path:
    if case.chart == "rke2-multus":
        return packages.main
    assert packages.crd is not None
    return packages.crd


def _faults(helm: Path, case: Case, package: Path) -> list[str]:
    """In what this package departs from the case's facts; empty when in nothing."""
    try:
        documents = render(helm, package, case.values)
    except RenderError as refusal:
        return [] if case.fails and case.fails in str(refusal) else [str(refusal)]
    if case.fails:
        return [f"the published chart fails with {case.fails!r}, this one renders"]
    found = differences(dict(case.objects), distil(documents, case.version))
    if case.name in PROFILES:
        recorded = oracle.tags(case.version)
        rendered = image_tags(documents)
        expected = {repository: recorded.get(repository, "nothing") for repository in rendered}
        found += differences(expected, rendered, "image tags")
    return found


def _case(name: str, version: str) -> Case:
    return next(case for case in CASES if (case.name, case.version) == (name, version))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_stand_in_renders_the_facts(case: Case, helm: Path, stand_ins: Packages) -> None:
    assert _faults(helm, case, _package(case, stand_ins(case.version))) == []


if REAL_CHARTS in os.environ:  # else there is nothing to test: no skipped test, but none

    def test_the_published_charts_render_the_facts(helm: Path, tmp_path: Path) -> None:
        published = packages_from(Path(os.environ[REAL_CHARTS]))
        faults = {
            str(case): found
            for case in CASES
            if (found := _faults(helm, case, _package(case, published(case.version, tmp_path))))
        }
        assert faults == {}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_wrong_template_is_reported_by_its_place(
    mutation: dict[str, str], helm: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(SOURCES, sources)
    template = sources / mutation["source"]
    content = template.read_text(encoding="utf-8")
    assert content.count(mutation["text"]) == 1
    template.write_text(content.replace(mutation["text"], mutation["wrong"]), encoding="utf-8")
    case = _case(mutation["values"], mutation["version"])
    packages = standin(case.version, tmp_path / "packages", sources)
    report = f"{mutation['place']}: the published chart has "
    assert [
        fault for fault in _faults(helm, case, _package(case, packages)) if fault.startswith(report)
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"dynamicNetworksController": {"enabled": True}},
            "set dynamicNetworksController.enabled to false",
        ),
        (
            {"rke2-whereabouts": {"enabled": True, "nodeSliceController": {"enabled": True}}},
            "set rke2-whereabouts.nodeSliceController.enabled to false",
        ),
    ],
    ids=["dynamic-networks", "node-slices"],
)
def test_what_the_stand_in_leaves_out_it_refuses(
    values: dict[str, Any], message: str, helm: Path, stand_ins: Packages
) -> None:
    with pytest.raises(RenderError, match=message):
        render(helm, stand_ins("v4.3.017").main, values)


def _fetch(helm: Path, repository: Repository, folder: Path) -> list[dict[str, Any]]:
    """Renders what `helm pull` gets, because that is how a Release gets its chart."""
    subprocess.run(
        [helm, "pull", "rke2-multus", "--repo", repository.url, "--version", "v4.3.017"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return render(helm, folder / "rke2-multus-v4.3.017.tgz", {})


def test_helm_pulls_from_the_local_repository(helm: Path, tmp_path: Path) -> None:
    with Repository(["v4.2.418", "v4.3.017"], tmp_path / "served", standin) as repository:
        names = [document["metadata"]["name"] for document in _fetch(helm, repository, tmp_path)]
    assert "multus-v4.3.017-config" in names
    assert repository.requests == ["index.yaml", "rke2-multus-v4.3.017.tgz"]


def test_helm_itself_does_not_notice_a_tampered_package(helm: Path, tmp_path: Path) -> None:
    """Helm 3 never compares a download to the index's digest: whoever wants that must do it."""
    served = tmp_path / "served"
    with (
        Repository(["v4.3.017"], served, standin) as repository,
        repository.failing(Tampered(), on="*.tgz"),
    ):
        names = [document["metadata"]["name"] for document in _fetch(helm, repository, tmp_path)]
    assert "tampered" in names


def test_an_unreadable_package_does_not_render(helm: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    with (
        Repository(["v4.3.017"], served, standin) as repository,
        repository.failing(Corrupted(), on="*.tgz"),
        pytest.raises(RenderError, match="gzip"),
    ):
        _fetch(helm, repository, tmp_path)
