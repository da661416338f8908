"""Packages from a local repository that fails in every way, from an OCI registry, and a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256 as hashed
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from components.chart import packages
from components.chart.packages import MANIFEST, PACKAGE, ChartError, download_packages
from components.chart.versions import CHART, CRD_CHART, DATA, VERSIONS, Chart
from components.cli.charts import changes, versions
from testbed.charts import add
from testbed.charts.archive import sha256
from testbed.charts.faults import Corrupted, Fault, Slow, Status, Tampered, Truncated
from testbed.charts.package import REAL_CHARTS
from testbed.charts.repository import Repository
from tests.unit.cases import load

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
    assert said.endswith("name it as multus:chart.path; nothing was changed")
    assert "\n" not in said
    return said


def test_gets_exactly_the_published_bytes_once(repository: Repository, folder: Path) -> None:
    wanted = chart(repository)
    found = download_packages(wanted, folder)
    assert set(found) == {CHART, CRD_CHART}
    for name, _, digest in wanted.packages:
        path = Path(found[name])
        assert (path.parent, sha256(path)) == (folder, digest)
        assert digest[:12] in path.name
        assert path.stat().st_mode & 0o777 == 0o644
    asked = len(repository.requests)
    with repository.stopped():
        assert download_packages(wanted, folder) == found
    from_folder = chart(repository, path=str(repository.packages[SPLIT].main.parent))
    assert set(download_packages(from_folder, folder / "other")) == {CHART, CRD_CHART}
    assert len(repository.requests) == asked
    Path(found[CHART]).write_bytes(b"changed")
    assert sha256(Path(download_packages(wanted, folder)[CHART])) == wanted.sha256
    assert set(download_packages(chart(repository, OLD), folder)) == {CHART}


NOT_IT: Final = "it is not the package that was published"
NOT_THERE: Final = "has none of that name and version"
FAULTS: Final[list[tuple[Fault, str, str]]] = [
    (Status(404), "index.yaml", "404"),
    (Status(500), "index.yaml", "500"),
    (Slow(30), "index.yaml", "timed out"),
    (Truncated(), "index.yaml", "more expected"),
    (Corrupted(), "index.yaml", NOT_THERE),
    (Status(403), "*.tgz", "asks for a login, and none is supported"),
    (Status(429), "*.tgz", "429"),
    (Slow(30), "*.tgz", "timed out"),
    (Truncated(), "*.tgz", "more expected"),
    (Corrupted(), "*.tgz", NOT_IT),
    (Tampered(), "*.tgz", NOT_IT),
]


@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_a_fault_is_one_line_and_leaves_no_file(
    repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch, case: Any
) -> None:
    fault, on, said = case
    with monkeypatch.context() as impatient, repository.failing(fault, on):
        impatient.setattr(packages, "TIMEOUT_SECONDS", 0.2)
        message = refusal(chart(repository), folder)
    assert message.startswith(f"the chart repository {repository.url} does not give rke2-multus v4")
    assert said in message
    download_packages(chart(repository), folder)  # the control: nothing else is wrong


def test_what_is_not_there(repository: Repository, folder: Path, tmp_path: Path) -> None:
    with repository.failing(Tampered(), "rke2-multus-crd-*"), pytest.raises(ChartError) as caught:
        download_packages(chart(repository), folder / "half")
    assert "set multus:chart.crdSha256" in str(caught.value)
    assert len(names(folder / "half")) == 1  # the checked chart stays
    with repository.stopped():
        assert "refused" in refusal(chart(repository), folder)
    message = refusal(Chart(version="v4.3.016", repository=repository.url), folder)
    assert f"{repository.url}/index.yaml {NOT_THERE}" in message
    message = refusal(chart(repository, path=str(tmp_path)), folder)
    assert message.startswith("multus:chart.path does not give rke2-multus v4.3.017: ")
    assert f"No such file or directory: '{tmp_path}/rke2-multus-v4.3.017.tgz'" in message
    message = refusal(chart(repository, sha256="0" * 64), folder)
    assert f"has sha256 {sha256(repository.packages[SPLIT].main)}" in message
    assert f"{'0' * 64} is expected" in message
    wanted = chart(repository, OLD)
    (folder / f"rke2-multus-{OLD}-{wanted.packages[0][2][:12]}.tgz").mkdir(parents=True)
    assert "directory" in refusal(wanted, folder)  # and no half-written file


def test_one_that_is_newer_is_held_to_no_digest_but_ones_own(folder: Path, tmp_path: Path) -> None:
    content = {CHART: ("v9.9.001", b"the chart"), CRD_CHART: ("9.9.001", b"the CRD chart")}
    for name, (version, package) in content.items():
        (tmp_path / f"{name}-{version}.tgz").write_bytes(package)
    newer = Chart(version="v9.9.001", path=str(tmp_path))
    got = download_packages(newer, folder)
    assert {name: Path(path).read_bytes() for name, path in got.items()} == {
        name: package for name, (_, package) in content.items()
    }
    digests = {"sha256": hashed(b"the chart").hexdigest(), "crd_sha256": "0" * 64}
    with pytest.raises(ChartError, match="crdSha256"):
        download_packages(Chart(version="v9.9.001", path=str(tmp_path), **digests), folder)


def test_a_row_of_the_table_is_made_from_the_packages(repository: Repository) -> None:
    made = add.row(chart(repository), "2026-08-19")
    assert made["sha256"] == sha256(repository.packages[SPLIT].main)
    known = VERSIONS[SPLIT]
    assert made["crd_version"] == known.crd_version
    assert made["tags"].items() <= known.tags.items()
    assert made["tags"].keys() >= {"multus", "cniPlugins", "whereabouts"}
    text = add.FILE.read_text()
    longer = add.with_row(text, made)
    assert json.loads(longer)["versions"] == [*DATA["versions"], made]
    assert longer.startswith(text.partition('\n ],\n "refused"')[0])
    assert longer.endswith(text.partition('\n ],\n "refused"')[2])


def test_what_lies_between_two_versions(repository: Repository) -> None:
    said = [*changes(chart(repository, OLD), chart(repository))]
    assert "the CRDs: in the chart -> a chart of their own" in said
    assert any(one.startswith("image multus: v4.2.4") for one in said)
    assert "+++ v4.3.017/rke2-multus/Chart.yaml" in said
    assert [*changes(chart(repository), chart(repository))] == []


def test_the_list_says_what_is_new(repository: Repository) -> None:
    assert [*versions(repository.url)][-1] == f"{repository.url} has nothing newer"
    with repository.stopped():
        assert [*versions(repository.url)][-1].startswith("what is newer is not known: ")


# --- An OCI registry on loopback, which may ask for a token ---

CONTENT: Final = {CHART: b"the chart", CRD_CHART: b"the CRD chart"}
TAGS: Final = {CHART: "v4.3.017", CRD_CHART: "4.3.017"}
DIGESTS: Final = {name: hashed(content).hexdigest() for name, content in CONTENT.items()}
OTHER: Final = "application/vnd.cncf.helm.chart.provenance.v1.prov"


def manifest(digest: str, media_type: str = PACKAGE) -> bytes:
    layers = {OTHER: "0" * 64, media_type: digest}
    listed = [{"mediaType": kind, "digest": f"sha256:{one}"} for kind, one in layers.items()]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": listed}).encode()


class Registry(ThreadingHTTPServer):
    """Files, with a registry of two charts; where it has a token it gives none of it without."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(root)))
        self.url, self.root, self.token = f"http://127.0.0.1:{self.server_port}", root, ""
        digests = {"sha256": DIGESTS[CHART], "crd_sha256": DIGESTS[CRD_CHART]}
        charts = f"{self.url.replace('http', 'oci')}/charts"
        self.chart = Chart(repository=charts, version=SPLIT, **digests)
        for name, digest in DIGESTS.items():
            self.put(f"v2/charts/{name}/manifests/{TAGS[name]}", manifest(digest))
            self.put(f"v2/charts/{name}/blobs/sha256:{digest}", CONTENT[name])

    def put(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)


class Handler(SimpleHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        assert "/manifests/" not in self.path or self.headers["Accept"] == MANIFEST
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.path.startswith("/v2") or token == self.server.token:
            super().do_GET()
            return
        self.send_response(401)
        challenge = f'Bearer realm="{self.server.url}/token",service="lab",scope="pull"'
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "registry") as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.parametrize("token", ["", "t0ken"])
def test_both_packages_are_pulled_and_checked(registry: Registry, folder: Path, token: str) -> None:
    registry.token = token
    if token:
        assert "asks for a login, and none is supported" in refusal(registry.chart, folder)
        registry.put("token", json.dumps({"access_token": token}).encode())
    found = download_packages(registry.chart, folder)
    assert {name: sha256(Path(path)) for name, path in found.items()} == DIGESTS


@pytest.mark.parametrize(
    ("body", "said"),
    [
        *((body, NOT_THERE) for body in (b"<html>", b"[]", b"{}", b'{"layers": [1]}')),
        (manifest("0" * 64, "application/octet-stream"), NOT_THERE),
        (manifest("0" * 64), "404"),
    ],
)
def test_what_is_no_chart_is_said_in_one_line(
    registry: Registry, folder: Path, body: bytes, said: str
) -> None:
    registry.put(f"v2/charts/{CHART}/manifests/{SPLIT}", body)
    assert said in refusal(registry.chart, folder)


@pytest.mark.parametrize("body", load("chart", "no_indexes"))
def test_what_is_no_chart_repository_is_said_in_one_line(
    registry: Registry, folder: Path, body: str
) -> None:
    registry.put("index.yaml", body.encode())
    assert registry.url in refusal(Chart(repository=registry.url), folder)
