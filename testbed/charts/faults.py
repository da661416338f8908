"""The ways in which a chart repository fails its clients, as data.

Each is a fault seen in practice: an outage, a rate limit, a broken proxy, a replaced package.
What a client sees is decided here; `repository.py` only sends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from testbed.charts.archive import GZIP, pack, unpack


@dataclass(frozen=True)
class Status:
    """Answers with this HTTP status and no file, such as 404 or 500."""

    code: int


@dataclass(frozen=True)
class Slow:
    """Answers correctly, after this many seconds of silence."""

    seconds: float


@dataclass(frozen=True)
class Truncated:
    """Announces the whole length, sends half and hangs up."""


@dataclass(frozen=True)
class Corrupted:
    """Sends a file of the right length whose first byte is wrong, so that nobody can read it.

    The first, because Helm never reads a package to its checksum and accepts many a wrong byte.
    """


@dataclass(frozen=True)
class Tampered:
    """Sends a sound package with one object more than the index's digest was made of.

    Only a comparison of digests can tell: archive, checksum and chart are all valid. Files other
    than packages are sent as they are.
    """


Fault = Status | Slow | Truncated | Corrupted | Tampered


@dataclass(frozen=True)
class Answer:
    """What goes over the wire: `length` is announced, `body` is sent, after `delay` seconds."""

    status: int
    body: bytes
    length: int
    delay: float = 0.0


def answer(content: bytes | None, fault: Fault | None) -> Answer:
    """The answer for a file's content (None: there is no such file) under a fault, if any."""
    if content is None:
        return _whole(404, b"not found\n")
    match fault:
        case None:
            return _whole(200, content)
        case Status(code):
            return _whole(code, f"fault: status {code}\n".encode())
        case Slow(seconds):
            return Answer(200, content, len(content), seconds)
        case Truncated():
            return Answer(200, content[: len(content) // 2], len(content))
        case Corrupted():
            return _whole(200, bytes([content[0] ^ 0xFF]) + content[1:])
        case Tampered():
            package = content.startswith(GZIP)
            return _whole(200, _with_one_object_more(content) if package else content)
    assert_never(fault)


def _whole(status: int, body: bytes) -> Answer:
    return Answer(status, body, len(body))


def _with_one_object_more(package: bytes) -> bytes:
    files = unpack(package)
    chart = next(iter(files)).split("/")[0]
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tampered}\n"
    return pack({**files, f"{chart}/templates/tampered.yaml": manifest})
