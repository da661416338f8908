"""The stand-in packages and the local repository, as far as neither helm nor a cluster is needed.

Whether the packages render what the published charts render is asked in `tests/engine`.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.charts import archive
from testbed.charts.archive import ChartPackageError, metadata, pack, sha256, unpack
from testbed.charts.faults import Corrupted, Slow, Status, Tampered, Truncated
from testbed.charts.package import REAL_CHARTS, ChartPackages, main, package, packages_from, standin
from testbed.charts.repository import Repository, index
from testbed.charts.versions import TABLE, ChartVersionError

VERSIONS = ["v4.2.409", "v4.2.418", "v4.3.017"]


@pytest.fixture(autouse=True)
def _stand_ins_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REAL_CHARTS, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository(VERSIONS, tmp_path) as repository:
        yield repository


def _ask(url: str, name: str, timeout: float = 5) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=timeout)
    try:
        connection.request("GET", f"/{name}")
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def _get(repository: Repository, name: str) -> bytes:
    status, content = _ask(repository.url, name)
    assert status == 200
    return content


# -- packages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [row.version for row in TABLE])
def test_packing_twice_gives_the_same_bytes(version: str, tmp_path: Path) -> None:
    first = standin(version, tmp_path / "first")
    os.utime(first.main, (1, 1))
    second = standin(version, tmp_path / "second")
    assert [sha256(path) for path in first.all] == [sha256(path) for path in second.all]


def test_the_order_of_files_does_not_reach_the_bytes() -> None:
    files = {"chart/Chart.yaml": "name: chart\n", "chart/values.yaml": "a: 1\n"}
    assert pack(files) == pack(dict(reversed(files.items())))


def test_a_package_holds_what_was_packed() -> None:
    files = {"chart/Chart.yaml": "name: chart\n", "chart/templates/long.yaml": "# é\n" * 40_000}
    assert unpack(pack(files)) == files


@pytest.mark.parametrize("content", [b"", b"text", pack({"a/b": "c"})[:40]])
def test_what_is_no_package_is_refused(content: bytes) -> None:
    with pytest.raises(ChartPackageError, match="pack it again"):
        metadata(content)


def test_a_package_without_a_chart_is_refused() -> None:
    with pytest.raises(ChartPackageError, match=r"no Chart\.yaml"):
        metadata(pack({"chart/values.yaml": ""}))


@pytest.mark.parametrize("written", ["v4.3.017", "4.3.017"])
def test_names_and_versions_are_the_published_ones(written: str, tmp_path: Path) -> None:
    packages = package(written, tmp_path)
    assert [path.name for path in packages.all] == [
        "rke2-multus-v4.3.017.tgz",
        "rke2-multus-crd-4.3.017.tgz",
    ]
    found = [metadata(path.read_bytes()) for path in packages.all]
    assert [(chart["name"], chart["version"]) for chart in found] == [
        ("rke2-multus", "v4.3.017"),
        ("rke2-multus-crd", "4.3.017"),
    ]
    assert found[0]["appVersion"] == "4.3.0"


def test_an_unknown_version_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ChartVersionError, match=r"no stand-in for chart v4\.9\.000.*v4\.3\.017"):
        package("v4.9.000", tmp_path)


def test_published_packages_take_the_place_of_the_stand_ins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    real = pack({"rke2-multus/Chart.yaml": "{name: rke2-multus, version: v4.2.418}\n"})
    (folder / "rke2-multus-v4.2.418.tgz").write_bytes(real)
    monkeypatch.setenv(REAL_CHARTS, str(folder))
    packages = package("v4.2.418", tmp_path / "used")
    assert packages == ChartPackages(tmp_path / "used" / "rke2-multus-v4.2.418.tgz", None)
    assert packages.main.read_bytes() == real
    with pytest.raises(ChartVersionError, match="put the published package there"):
        packages_from(folder)("v4.3.017", tmp_path / "used")


def test_the_command_prints_path_and_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["v4.3.017", "--into", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{path}  sha256:{sha256(path)}"
        for path in (
            tmp_path / "rke2-multus-v4.3.017.tgz",
            tmp_path / "rke2-multus-crd-4.3.017.tgz",
        )
    ]
    assert main(["v1.0.0", "--into", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: there is no stand-in for chart v1.0.0")


# -- the repository ---------------------------------------------------------------------------


def test_the_index_has_every_package_and_its_digest(repository: Repository) -> None:
    entries = json.loads(_get(repository, "index.yaml"))["entries"]
    assert [chart["version"] for chart in entries["rke2-multus"]] == VERSIONS
    assert [chart["version"] for chart in entries["rke2-multus-crd"]] == ["4.3.017"]
    for chart in (*entries["rke2-multus"], *entries["rke2-multus-crd"]):
        (name,) = chart["urls"]
        assert archive.metadata(_get(repository, name))["version"] == chart["version"]
        paths = [path for packages in repository.packages.values() for path in packages.all]
        assert chart["digest"] == next(sha256(path) for path in paths if path.name == name)
        assert chart["created"]


def test_the_index_is_the_same_every_time(tmp_path: Path) -> None:
    assert index(standin("v4.3.017", tmp_path).all) == index(standin("v4.3.017", tmp_path).all)


def test_requests_are_recorded_and_unknown_files_are_404(repository: Repository) -> None:
    assert _ask(repository.url, "rke2-multus-v9.tgz")[0] == 404
    assert repository.requests == ["rke2-multus-v9.tgz"]


@pytest.mark.parametrize("code", [404, 500, 503])
def test_a_status_hits_only_what_it_is_meant_for(repository: Repository, code: int) -> None:
    name = "rke2-multus-v4.3.017.tgz"
    with repository.failing(Status(code), on="*.tgz"):
        assert _get(repository, "index.yaml")
        assert _ask(repository.url, name)[0] == code
    assert _get(repository, name)


def test_the_last_fault_wins_and_leaves_the_earlier_one(repository: Repository) -> None:
    with repository.failing(Status(500)):
        with repository.failing(Slow(0)):
            assert _get(repository, "index.yaml")
        assert _ask(repository.url, "index.yaml")[0] == 500


def test_a_truncated_file_ends_early(repository: Repository) -> None:
    whole = len(_get(repository, "index.yaml"))
    with repository.failing(Truncated()), pytest.raises(http.client.IncompleteRead) as cut:
        _ask(repository.url, "index.yaml")
    assert len(cut.value.partial) == whole // 2


def test_a_corrupted_package_cannot_be_read(repository: Repository) -> None:
    name = "rke2-multus-v4.3.017.tgz"
    with repository.failing(Corrupted(), on="*.tgz"):
        corrupted = _get(repository, name)
    assert len(corrupted) == len(_get(repository, name))
    with pytest.raises(ChartPackageError):
        metadata(corrupted)


def test_only_the_digest_tells_a_tampered_package(repository: Repository) -> None:
    name = "rke2-multus-v4.3.017.tgz"
    with repository.failing(Tampered()):
        tampered = _get(repository, name)
        entries = json.loads(_get(repository, "index.yaml"))["entries"]
    assert metadata(tampered) == metadata(_get(repository, name))
    assert {"rke2-multus/templates/tampered.yaml"} == unpack(tampered).keys() - unpack(
        _get(repository, name)
    ).keys()
    assert hashlib.sha256(tampered).hexdigest() != entries["rke2-multus"][-1]["digest"]


def test_a_slow_answer_comes_late(repository: Repository) -> None:
    with repository.failing(Slow(0.2)):
        started = time.monotonic()
        assert _get(repository, "index.yaml")
        assert time.monotonic() - started >= 0.2


def test_leaving_does_not_wait_for_a_slow_answer(tmp_path: Path) -> None:
    started = time.monotonic()
    with (
        Repository(["v4.3.017"], tmp_path) as repository,
        repository.failing(Slow(600)),
        pytest.raises(TimeoutError),
    ):
        _ask(repository.url, "index.yaml", timeout=0.2)
    assert repository.requests == ["index.yaml"]
    assert time.monotonic() - started < 5


def test_a_stopped_repository_refuses_and_comes_back_at_its_address(tmp_path: Path) -> None:
    with Repository(["v4.3.017"], tmp_path) as repository:
        url = repository.url
        with repository.stopped(), pytest.raises(ConnectionRefusedError):
            _get(repository, "index.yaml")
        assert repository.url == url
        assert _get(repository, "index.yaml")
    with pytest.raises(ConnectionRefusedError):
        _ask(url, "index.yaml")
    with pytest.raises(RuntimeError, match="enter it with `with` first"):
        _ = repository.url
