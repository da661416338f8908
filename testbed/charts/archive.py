"""Chart packages (.tgz) with the same bytes every time, and a look inside one.

`helm package` stamps the current time into the archive, so its digest changes with every run and
cannot be pinned. Reads and writes archives only: knows no version and no source tree.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# Any constant does; some tar programs warn about 0.
_MODIFIED = 1_700_000_000

GZIP = b"\x1f\x8b"
"""How every chart package begins."""


class ChartPackageError(ValueError):
    """A file that is no chart package."""


def pack(files: Mapping[str, str]) -> bytes:
    """A gzipped tar of `files`, of which no byte depends on time, user or file system."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        # Chart.yaml first, as `helm package` has it; the rest sorted.
        for path in sorted(files, key=lambda path: (not path.endswith("/Chart.yaml"), path)):
            content = files[path].encode("utf-8")
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.mode = len(content), _MODIFIED, 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=0)


def unpack(package: bytes) -> dict[str, str]:
    """What `pack` was given; ChartPackageError when the bytes are no chart package."""
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
            files = {
                member.name: content.read().decode("utf-8")
                for member in archive.getmembers()
                if (content := archive.extractfile(member)) is not None
            }
    except (tarfile.TarError, OSError, EOFError, UnicodeDecodeError) as fault:
        raise ChartPackageError(f"this is no chart package ({fault}): pack it again") from fault
    return files


def metadata(package: bytes) -> dict[str, Any]:
    """The Chart.yaml of a package."""
    files = unpack(package)
    charts = [path for path in files if path.count("/") == 1 and path.endswith("/Chart.yaml")]
    if len(charts) != 1:
        raise ChartPackageError("this package has no Chart.yaml in its first folder: pack it again")
    content: dict[str, Any] = yaml.safe_load(files[charts[0]])
    return content


def sha256(path: Path) -> str:
    """The digest that an index.yaml gives for this file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
