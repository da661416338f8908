"""A Helm chart repository on this machine, for tests that need one to answer or to fail.

    with Repository(["v4.2.418", "v4.3.017"], folder) as repository:
        deploy(repository.url)
        with repository.failing(Status(500), on="*.tgz"):
            ...

Serves 127.0.0.1 only, without TLS and without credentials, and never reaches out: a file that it
lacks is a 404.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from testbed.charts.archive import metadata, sha256
from testbed.charts.faults import Answer, Fault, answer
from testbed.charts.package import ChartPackages, Packager, package

INDEX = "index.yaml"

# Helm wants a time but nothing reads it; a constant keeps the index's bytes stable.
_CREATED = "2024-01-01T00:00:00Z"


def index(packages: Iterable[Path]) -> bytes:
    """The index.yaml of these packages, with their digests; JSON, which is YAML too."""
    entries: dict[str, list[dict[str, object]]] = {}
    for path in packages:
        chart = metadata(path.read_bytes())
        chart |= {"created": _CREATED, "digest": sha256(path), "urls": [path.name]}
        entries.setdefault(chart["name"], []).append(chart)
    content = {"apiVersion": "v1", "entries": entries, "generated": _CREATED}
    return json.dumps(content, indent=1, sort_keys=True).encode("utf-8")


class Repository:
    """Serves some chart versions; a context manager, which listens while it is entered."""

    def __init__(self, versions: Sequence[str], folder: Path, packager: Packager = package) -> None:
        """Packs `versions` into `folder`; ChartVersionError when there is no such version."""
        self.packages: Mapping[str, ChartPackages] = {
            version: packager(version, folder) for version in versions
        }
        self.requests: list[str] = []
        """Names of the files asked for, in order of arrival."""
        paths = [path for packages in self.packages.values() for path in packages.all]
        self._files = {path.name: path.read_bytes() for path in paths} | {INDEX: index(paths)}
        self._faults: list[tuple[str, Fault]] = []
        self._port = 0
        self._closing = threading.Event()
        self._listener: tuple[ThreadingHTTPServer, threading.Thread] | None = None

    @property
    def url(self) -> str:
        """The repository's address, without a trailing slash; the same until it is left."""
        if not self._port:
            raise RuntimeError("the repository has no address yet: enter it with `with` first")
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def failing(self, fault: Fault, on: str = "*") -> Iterator[None]:
        """Fails for every file whose name matches the pattern `on`, the last fault first."""
        entry = (on, fault)
        self._faults.append(entry)
        try:
            yield
        finally:
            self._faults.remove(entry)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Refuses connections, then listens again at the same address."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._port = 0

    def _start(self) -> None:
        self._closing.clear()
        server = _Server(self._port, self._answer, self._closing)
        self._port = server.server_port
        # Half a second is the default; every test that stops a repository would wait for it.
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._listener = (server, thread)

    def _stop(self) -> None:
        if self._listener is None:
            return
        server, thread = self._listener
        self._listener = None
        self._closing.set()  # wakes answers that are being slow
        server.shutdown()
        server.server_close()
        thread.join()

    def _answer(self, name: str) -> Answer:
        self.requests.append(name)
        matching = [fault for pattern, fault in self._faults if fnmatch(name, pattern)]
        return answer(self._files.get(name), matching[-1] if matching else None)


class _Server(ThreadingHTTPServer):
    """Waits for its answers when it is closed, so that no thread outlives the repository."""

    daemon_threads = False
    block_on_close = True

    def __init__(
        self, port: int, answer_for: Callable[[str], Answer], closing: threading.Event
    ) -> None:
        self.answer_for = answer_for
        self.closing = closing
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    # HTTP/1.0, the default: one request per connection, so that closing leaves none open.
    timeout = 5

    def do_GET(self) -> None:
        reply = self.server.answer_for(self.path.lstrip("/"))
        if reply.delay and self.server.closing.wait(reply.delay):
            return
        try:
            self.send_response(reply.status)
            self.send_header("Content-Length", str(reply.length))
            self.end_headers()
            self.wfile.write(reply.body)
        except OSError:
            # The client gave up first, which is what tests of slow answers make it do.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Silent: `Repository.requests` tells what was asked for."""
