"""Packages from a local repository that fails in every way, from an OCI registry, and a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256 as hashed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from components.chart import packages
from components.chart.packages import MANIFEST, PACKAGE, ChartError, download_packages
from components.chart.versions import CHART, CRD_CHART, Chart
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
    return Chart(**{"version": version, **origin, **digests, **others})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def refusal(wanted: Chart, folder: Path) -> str:
    """The message, which is one line, and nothing was left behind."""
    before = names(folder)
    with pytest.raises(ChartError) as caught:
        download_packages(wanted, folder)
    assert names(folder) == before
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_gets_exactly_the_published_bytes_once(repository: Repository, folder: Path) -> None:
    wanted = chart(repository)
    found = download_packages(wanted, folder)
    assert set(found) == {CHART, CRD_CHART}
    for package in wanted.packages:
        path = Path(found[package.chart])
        assert path.parent == folder
        assert sha256(path) == package.sha256
        assert package.sha256[:12] in path.name
        assert path.stat().st_mode & 0o777 == 0o644
    asked = len(repository.requests)
    with repository.stopped():
        assert download_packages(wanted, folder) == found
    assert len(repository.requests) == asked
    Path(found[CHART]).write_bytes(b"changed")
    download_packages(wanted, folder)
    assert sha256(Path(found[CHART])) == wanted.packages[0].sha256
    assert len(names(folder)) == 2
    assert set(download_packages(chart(repository, OLD), folder)) == {CHART}


FAULTS: Final[list[tuple[Fault, str, str]]] = [
    (Status(404), "index.yaml", "does not give"),
    (Status(500), "index.yaml", "HTTP status 500"),
    (Slow(30), "index.yaml", "timed out"),
    (Truncated(), "index.yaml", "does not give"),
    (Corrupted(), "index.yaml", "is no index of a chart repository"),
    (Status(429), "*.tgz", "HTTP status 429"),
    (Slow(30), "*.tgz", "timed out"),
    (Truncated(), "*.tgz", "does not give"),
    (Corrupted(), "*.tgz", "it is not the package that was published"),
    (Tampered(), "*.tgz", "it is not the package that was published"),
]


@pytest.mark.parametrize(("fault", "on", "said"), FAULTS, ids=range(len(FAULTS)))
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
    download_packages(chart(repository), folder)  # the control: nothing else is wrong


def test_a_crd_package_that_fails_leaves_the_checked_chart(
    repository: Repository, folder: Path
) -> None:
    with repository.failing(Tampered(), "rke2-multus-crd-*"), pytest.raises(ChartError) as caught:
        download_packages(chart(repository), folder)
    assert "set multus:chart.sha256 (crdSha256)" in str(caught.value)
    assert [name.startswith("rke2-multus-v4.3.017-") for name in names(folder)] == [True]


def test_what_is_not_there(repository: Repository, folder: Path, tmp_path: Path) -> None:
    with repository.stopped():
        message = refusal(chart(repository), folder)
    assert "refused" in message
    assert "multus:chart.path" in message
    message = refusal(Chart(version="v4.3.016", repository=repository.url), folder)
    assert f"{repository.url} has no rke2-multus v4.3.016" in message
    path = str(tmp_path / "none")
    assert "which is no folder" in refusal(chart(repository, path=path), folder)
    message = refusal(chart(repository, path=str(tmp_path)), folder)
    assert "has no readable rke2-multus-v4.3.017.tgz" in message
    message = refusal(chart(repository, sha256="0" * 64), folder)
    assert f"has sha256 {sha256(repository.packages[SPLIT].main)}" in message
    assert f"{'0' * 64} is expected" in message


def test_a_folder_of_packages_needs_no_network(repository: Repository, folder: Path) -> None:
    path = str(repository.packages[SPLIT].main.parent)
    asked = len(repository.requests)
    found = download_packages(chart(repository, path=path), folder)
    assert {Path(one).parent for one in found.values()} == {folder}
    assert len(repository.requests) == asked


def test_limits(repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = chart(repository, OLD)
    (folder / f"rke2-multus-{OLD}-{wanted.packages[0].sha256[:12]}.tgz").mkdir(parents=True)
    assert "cannot write" in refusal(wanted, folder)
    monkeypatch.setattr(packages, "MOST_BYTES", 100)
    assert "has more than 100 bytes" in refusal(wanted, folder)


# --- An OCI registry on loopback, which may ask for a token ---

CONTENT: Final = {CHART: b"the chart", CRD_CHART: b"the CRD chart"}
TAGS: Final = {CHART: "v4.3.017", CRD_CHART: "4.3.017"}


def digest(content: bytes) -> str:
    return hashed(content).hexdigest()


def manifest(content: bytes, media_type: str = PACKAGE) -> bytes:
    other = {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov"}
    layers = [
        {**other, "digest": "sha256:" + "0" * 64},
        {"mediaType": media_type, "digest": f"sha256:{digest(content)}", "size": len(content)},
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers}).encode()


class Registry:
    """A registry of two charts under /v2/lab/charts; with a token it gives nothing without it."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.token = ""
        for name, content in CONTENT.items():
            self.put(name, manifest(content))
            self.answers[f"/v2/lab/charts/{name}/blobs/sha256:{digest(content)}"] = (200, content)
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = registry.answers.get(self.path, (404, b"{}"))
                if "/manifests/" in self.path:
                    assert self.headers["Accept"] == MANIFEST
                asked = self.headers.get("Authorization", "")
                barred = self.path.startswith("/v2") and asked.removeprefix("Bearer ")
                if registry.token and barred != registry.token and "/token" not in self.path:
                    status, body = 401, b"{}"
                self.send_response(status)
                if status == 401 and registry.token:
                    realm = f"http://127.0.0.1:{registry.server.server_port}/token"
                    challenge = f'Bearer realm="{realm}",service="lab",scope="pull"'
                    self.send_header("WWW-Authenticate", challenge)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def put(self, name: str, body: bytes, status: int = 200) -> None:
        self.answers[f"/v2/lab/charts/{name}/manifests/{TAGS[name]}"] = (status, body)

    def chart(self) -> Chart:
        return Chart(
            repository=f"oci://127.0.0.1:{self.server.server_port}/lab/charts",
            version=TAGS[CHART],
            sha256=digest(CONTENT[CHART]),
            crd_sha256=digest(CONTENT[CRD_CHART]),
        )


@pytest.fixture
def registry() -> Iterator[Registry]:
    running = Registry()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


@pytest.mark.parametrize("token", ["", "t0ken"])
def test_both_packages_are_pulled_and_checked(
    registry: Registry, tmp_path: Path, token: str
) -> None:
    registry.token = token
    registry.answers["/token?service=lab&scope=pull"] = (200, json.dumps({"token": token}).encode())
    found = download_packages(registry.chart(), tmp_path)
    assert {name: sha256(Path(path)) for name, path in found.items()} == {
        name: digest(content) for name, content in CONTENT.items()
    }


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"{}", "404"),
        (401, b"{}", "it asks for a login, and none is supported"),
        (403, b"{}", "it asks for a login, and none is supported"),
        (200, b"<html>", "its manifest is none"),
        (200, b"[]", "its manifest is none"),
        (200, b'{"layers": [{"mediaType": "a", "digest": "../x"}]}', "its manifest is none"),
        (200, manifest(b"x", "application/octet-stream"), "it is no Helm chart"),
        (200, manifest(b"of no blob"), "404"),
    ],
)
def test_what_is_no_chart_is_said_in_one_line(
    registry: Registry, tmp_path: Path, status: int, body: bytes, said: str
) -> None:
    registry.put(CHART, body, status)
    assert said in refusal(registry.chart(), tmp_path)


ENTRY: Final = "entries: {rke2-multus: [{version: v4.3.017, urls: [%s]}]}"
# What stands behind a wrong URL: indexes that no `helm repo index` wrote.
STRANGERS: Final = [
    *("<!doctype html><p>Welcome</p>", "hello", "\x00\x01", "generated: 2024-99-99", "[]"),
    *("entries: null", "entries: [1]", "entries: x", "entries: {rke2-multus: x}"),
    *("entries: {rke2-multus: [1]}", "entries: {rke2-multus: [{version: v4.3.017, urls: 5}]}"),
    *(ENTRY % url for url in ("5", "'file:///etc/passwd'", "'a b.tgz'", "'http://[x/a.tgz'")),
]


@pytest.mark.parametrize("body", STRANGERS)
def test_what_is_no_chart_repository_is_said_in_one_line(
    registry: Registry, folder: Path, body: str
) -> None:
    registry.answers["/index.yaml"] = (200, body.encode())
    url = f"http://127.0.0.1:{registry.server.server_port}"
    assert url in refusal(Chart(repository=url), folder)
