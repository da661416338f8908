"""Packages from an OCI registry, which runs on loopback and speaks the two requests of a pull."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from components.chart import CHART, CRD_CHART, Chart
from components.oci import MANIFEST, PACKAGE, blob_url, manifest_url
from components.packages import ChartError, fetch
from testbed.charts.archive import sha256

CONTENT: Final = {CHART: b"the chart", CRD_CHART: b"the CRD chart"}
OTHER: Final = "sha256:" + "0" * 64
TAGS: Final = {CHART: "v4.3.017", CRD_CHART: "4.3.017"}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(content: bytes, media_type: str = PACKAGE) -> bytes:
    layers = [
        {
            "mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov",
            "digest": OTHER,
        },
        {"mediaType": media_type, "digest": f"sha256:{digest(content)}", "size": len(content)},
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers}).encode()


class Registry:
    """A registry of two charts under /v2/lab/charts."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.accepted: list[str] = []
        for chart, content in CONTENT.items():
            self.put(chart, manifest(content))
            self.answers[f"/v2/lab/charts/{chart}/blobs/sha256:{digest(content)}"] = (200, content)
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = registry.answers.get(self.path, (404, b"{}"))
                if "/manifests/" in self.path:
                    registry.accepted.append(self.headers["Accept"])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"oci://127.0.0.1:{self.server.server_port}/lab/charts"

    def put(self, chart: str, body: bytes, status: int = 200) -> None:
        self.answers[f"/v2/lab/charts/{chart}/manifests/{TAGS[chart]}"] = (status, body)

    def chart(self, **others: Any) -> Chart:
        body = {
            "repository": self.url,
            "version": TAGS[CHART],
            "sha256": digest(CONTENT[CHART]),
            "crd_sha256": digest(CONTENT[CRD_CHART]),
            **others,
        }
        return Chart.model_validate(body)


@pytest.fixture
def registry() -> Iterator[Registry]:
    running = Registry()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def test_both_packages_are_pulled_and_checked(registry: Registry, tmp_path: Path) -> None:
    found = fetch(registry.chart(), tmp_path)
    assert {chart: sha256(Path(path)) for chart, path in found.items()} == {
        chart: digest(content) for chart, content in CONTENT.items()
    }
    assert registry.accepted == [MANIFEST, MANIFEST]


def refusal(registry: Registry, folder: Path, **others: Any) -> str:
    with pytest.raises(ChartError) as caught:
        fetch(registry.chart(**others), folder)
    said = str(caught.value)
    assert "\n" not in said
    assert registry.url.removeprefix("oci") in said or "sha256" in said
    assert list(folder.iterdir()) == []
    return said


def test_the_wrong_digest(registry: Registry, tmp_path: Path) -> None:
    assert "it is not the package" in refusal(registry, tmp_path, sha256="0" * 64)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"{}", "404"),
        (401, b"{}", "it asks for a login, and none is supported"),
        (403, b"{}", "it asks for a login, and none is supported"),
        (500, b"", "500"),
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
    assert said in refusal(registry, tmp_path)


def test_urls() -> None:
    assert manifest_url("oci://registry.lan:5000/charts", "rke2-multus", "v1+up") == (
        "https://registry.lan:5000/v2/charts/rke2-multus/manifests/v1_up"
    )
    assert manifest_url("oci://localhost", "a", "1") == "http://localhost/v2/a/manifests/1"
    assert blob_url("oci://r.lan/c", "a", manifest(b"x")) == (
        f"https://r.lan/v2/c/a/blobs/sha256:{digest(b'x')}"
    )
