"""Packages: fetched once, held to their digest, and refused in one line when they cannot be had.

A repository on this machine serves the stand-ins and fails in the ways that repositories do.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from components import packages
from components.chart import CHART, CRD_CHART, Chart
from components.packages import ChartError, fetch
from testbed.charts.archive import sha256
from testbed.charts.faults import Corrupted, Fault, Slow, Status, Tampered, Truncated
from testbed.charts.package import REAL_CHARTS
from testbed.charts.repository import Repository

SPLIT: Final = "v4.3.017"
OLD: Final = "v4.2.418"


@pytest.fixture(autouse=True)
def _stand_ins_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REAL_CHARTS, raising=False)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with Repository([OLD, SPLIT], tmp_path_factory.mktemp("repository")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".charts"


def chart(repository: Repository, version: str = SPLIT, **others: Any) -> Chart:
    """The stand-ins have digests of their own."""
    found = repository.packages[version]
    digests = {"sha256": sha256(found.main)}
    if found.crd is not None:
        digests["crd_sha256"] = sha256(found.crd)
    origin = {} if "path" in others else {"repository": repository.url}
    body = {"version": version, **origin, **digests, **others}
    return Chart.model_validate(body)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def refusal(wanted: Chart, folder: Path) -> str:
    """The message, which is one line, and nothing was left behind."""
    before = names(folder)
    with pytest.raises(ChartError) as caught:
        fetch(wanted, folder)
    assert names(folder) == before
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_fetches_exactly_the_published_bytes(repository: Repository, folder: Path) -> None:
    wanted = chart(repository)
    found = fetch(wanted, folder)
    assert set(found) == {CHART, CRD_CHART}
    for package in wanted.packages:
        path = Path(found[package.chart])
        assert path.parent == folder
        assert sha256(path) == package.sha256
        assert package.sha256[:12] in path.name
        assert path.stat().st_mode & 0o777 == 0o644
    assert len(names(folder)) == 2


def test_a_chart_with_the_crds_inside_is_one_package(repository: Repository, folder: Path) -> None:
    assert set(fetch(chart(repository, OLD), folder)) == {CHART}


def test_the_second_time_needs_no_network(repository: Repository, folder: Path) -> None:
    wanted = chart(repository)
    first = fetch(wanted, folder)
    asked = len(repository.requests)
    with repository.stopped():
        assert fetch(wanted, folder) == first
    assert len(repository.requests) == asked


def test_a_file_that_was_changed_since_is_fetched_again(
    repository: Repository, folder: Path
) -> None:
    wanted = chart(repository)
    path = Path(fetch(wanted, folder)[CHART])
    path.write_bytes(b"changed")
    fetch(wanted, folder)
    assert sha256(path) == wanted.packages[0].sha256


FAULTS: Final[list[tuple[str, Fault, str, str]]] = [
    ("index 404", Status(404), "index.yaml", "does not give"),
    ("index 500", Status(500), "index.yaml", "does not give"),
    ("index slow", Slow(30), "index.yaml", "timed out"),
    ("index truncated", Truncated(), "index.yaml", ""),
    ("index corrupted", Corrupted(), "index.yaml", "is no index of a chart repository"),
    ("package 404", Status(404), "*.tgz", "does not give"),
    ("package 429", Status(429), "*.tgz", "does not give"),
    ("package 500", Status(500), "*.tgz", "does not give"),
    ("package slow", Slow(30), "*.tgz", "timed out"),
    ("package truncated", Truncated(), "*.tgz", ""),
    ("package corrupted", Corrupted(), "*.tgz", "it is not the package that was published"),
    ("package tampered", Tampered(), "*.tgz", "it is not the package that was published"),
]


@pytest.mark.parametrize(
    ("fault", "on", "said"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_fault_is_one_line_and_leaves_no_file(
    repository: Repository,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    on: str,
    said: str,
) -> None:
    monkeypatch.setattr(packages, "TIMEOUT_SECONDS", 0.2)
    with repository.failing(fault, on):
        message = refusal(chart(repository), folder)
    assert repository.url in message
    assert said in message
    fetch(chart(repository), folder)  # the control: nothing else is wrong


def test_a_status_is_named(repository: Repository, folder: Path) -> None:
    with repository.failing(Status(503)):
        assert "503" in refusal(chart(repository), folder)


def test_a_crd_package_that_fails_leaves_the_checked_chart(
    repository: Repository, folder: Path
) -> None:
    with repository.failing(Tampered(), "rke2-multus-crd-*"), pytest.raises(ChartError) as caught:
        fetch(chart(repository), folder)
    assert "set multus:chart.sha256 (crdSha256)" in str(caught.value)
    assert [name.startswith("rke2-multus-v4.3.017-") for name in names(folder)] == [True]


def test_a_repository_that_is_gone(repository: Repository, folder: Path) -> None:
    wanted = chart(repository)
    with repository.stopped():
        message = refusal(wanted, folder)
    assert "refused" in message
    assert "multus:chart.path" in message


def test_a_version_that_the_repository_lacks(repository: Repository, folder: Path) -> None:
    message = refusal(Chart(version="v4.3.016", repository=repository.url), folder)
    assert f"{repository.url} has no rke2-multus v4.3.016" in message


def test_the_wrong_digest(repository: Repository, folder: Path) -> None:
    message = refusal(chart(repository, sha256="0" * 64), folder)
    assert f"has sha256 {sha256(repository.packages[SPLIT].main)}" in message
    assert f"{'0' * 64} is expected" in message


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """A server that says `reply` to whoever connects, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def http(body: str) -> bytes:
    return f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def index(entries: str) -> bytes:
    return http("entries: " + entries)


ENTRY: Final = "{rke2-multus: [{version: v4.3.017, urls: [%s]}]}"
# What stands behind a wrong URL: other servers, and indexes that no `helm repo index` wrote.
STRANGERS: Final[list[tuple[str, bytes]]] = [
    ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n"),
    ("nothing", b""),
    ("a web page", http("<!doctype html><p>Welcome</p>")),
    ("a text", http("hello")),
    ("bytes", http("\x00\x01")),
    ("an impossible date", http("generated: 2024-99-99")),
    ("a list", http("[]")),
    ("entries: null", index("null")),
    ("entries: list", index("[1]")),
    ("entries: text", index("x")),
    ("entries of the chart: text", index("{rke2-multus: x}")),
    ("an entry: number", index("{rke2-multus: [1]}")),
    ("urls: text", index("{rke2-multus: [{version: v4.3.017, urls: 5}]}")),
    ("a URL: number", index(ENTRY % "5")),
    ("a URL: file", index(ENTRY % "'file:///etc/passwd'")),
    ("a URL with a space", index(ENTRY % "'a b.tgz'")),
    ("a URL of no address", index(ENTRY % "'http://[x/a.tgz'")),
]


@pytest.mark.parametrize("reply", [row[1] for row in STRANGERS], ids=[row[0] for row in STRANGERS])
def test_what_is_no_chart_repository_is_said_in_one_line(reply: bytes, folder: Path) -> None:
    with answering(reply) as url:
        refusal(Chart(repository=url), folder)


def test_an_endless_answer_is_cut(
    repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "MOST_BYTES", 100)
    assert "has more than 100 bytes" in refusal(chart(repository), folder)


def test_a_folder_of_packages_needs_no_network(repository: Repository, folder: Path) -> None:
    path = repository.packages[SPLIT].main.parent
    asked = len(repository.requests)
    found = fetch(chart(repository, path=str(path)), folder)
    assert {Path(one).parent for one in found.values()} == {folder}
    assert len(repository.requests) == asked


Wrong = Callable[[Path, Repository], tuple[dict[str, Any], str]]


def _no_folder(tmp_path: Path, _: Repository) -> tuple[dict[str, Any], str]:
    return {"path": str(tmp_path / "none")}, "which is no folder"


def _no_package(tmp_path: Path, _: Repository) -> tuple[dict[str, Any], str]:
    return {"path": str(tmp_path)}, "has no readable rke2-multus-v4.3.017.tgz"


def _other_bytes(_: Path, repository: Repository) -> tuple[dict[str, Any], str]:
    path = repository.packages[SPLIT].main.parent
    return {"path": str(path), "sha256": "0" * 64}, "it is not the package that was published"


@pytest.mark.parametrize("wrong", [_no_folder, _no_package, _other_bytes])
def test_a_wrong_folder_is_one_line(
    wrong: Wrong, tmp_path: Path, repository: Repository, folder: Path
) -> None:
    fields, said = wrong(tmp_path, repository)
    assert said in refusal(chart(repository, **fields), folder)


def test_a_package_that_cannot_be_written_leaves_nothing(
    repository: Repository, folder: Path
) -> None:
    wanted = chart(repository, OLD)
    [package] = wanted.packages
    (folder / f"rke2-multus-{OLD}-{package.sha256[:12]}.tgz").mkdir(parents=True)
    assert "cannot write" in refusal(wanted, folder)
