"""The chart's packages: fetched once, held to their digest, and deployed as exactly these bytes.

Helm does not compare a package with the digest in its repository's index. So the program fetches
each package itself, checks it, and hands Helm the checked file. The files lie in `.charts/` of
the project, under a relative path with their digest in the name: previews from two checkouts are
the same, a changed package is a changed path, and with the file there no network is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import pulumi
import yaml
from pydantic import BaseModel, ValidationError

from components import oci
from components.chart import Chart, Package
from components.faults import printable

FOLDER: Final = Path(".charts")
TIMEOUT_SECONDS: Final = 30
# The index of the real repository has 1.5 MB and a package 20 kB; the limit is against a server
# that never ends.
MOST_BYTES: Final = 64 * 2**20


class ChartError(pulumi.RunError):
    """A package could not be had, or is not the one that was published."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


def fetch(chart: Chart, folder: Path = FOLDER) -> dict[str, str]:
    """Path of the checked package for each chart's name; raises ChartError."""
    return {package.chart: str(_checked(chart, package, folder)) for package in chart.packages}


def _checked(chart: Chart, package: Package, folder: Path) -> Path:
    stem = package.file_name.removesuffix(".tgz")
    target = folder / f"{stem}-{package.sha256[:12]}.tgz"
    if target.is_file() and _digest(target.read_bytes()) == package.sha256:
        return target
    if chart.path is not None:
        content, origin = _from_folder(Path(chart.path), package)
    elif chart.repository.startswith(oci.SCHEME):
        content, origin = _from_registry(chart.repository, package)
    else:
        content, origin = _from_repository(chart.repository, package)
    if (digest := _digest(content)) != package.sha256:
        raise ChartError(
            f"{origin} has sha256 {digest}, but {package.sha256} is expected: it is not the "
            "package that was published. If it is your own, set multus:chart.sha256"
            f"{' (crdSha256)' if package.chart.endswith('-crd') else ''}; nothing was changed"
        )
    _write(target, content)
    return target


def _from_folder(folder: Path, package: Package) -> tuple[bytes, str]:
    file = folder / package.file_name
    try:
        if not folder.is_dir():
            raise ChartError(
                f'multus:chart.path is "{folder}", which is no folder. Name the one that holds '
                f"{package.file_name}"
            )
        return file.read_bytes(), str(file)
    except OSError as error:
        raise ChartError(
            f"multus:chart.path has no readable {package.file_name} ({error.strerror}). Put the "
            "package there, or remove multus:chart.path to take it from the repository"
        ) from error


class _Entry(BaseModel):
    """A version of a chart in a repository's index; what else it says is not needed."""

    version: str
    urls: list[str] = []


class _Index(BaseModel):
    entries: dict[str, list[_Entry]]


def _from_repository(repository: str, package: Package) -> tuple[bytes, str]:
    index = _parsed(_download("index.yaml", repository)[0], repository)
    urls = next(
        (
            entry.urls
            for entry in index.entries.get(package.chart, [])
            if entry.version == package.version
        ),
        [],
    )
    if not urls:
        raise ChartError(
            f"the chart repository {repository} has no {package.chart} {package.version}. Choose "
            "a version that it has, or another multus:chart.repository"
        )
    return _download(urls[0], repository)


def _from_registry(repository: str, package: Package) -> tuple[bytes, str]:
    url = oci.manifest_url(repository, package.chart, package.version)
    manifest, _ = _download(url, repository, accept=oci.MANIFEST)
    try:
        return _download(oci.blob_url(repository, package.chart, manifest), repository)
    except oci.OciError as error:
        raise ChartError(
            f"{repository} has {package.chart} {package.version}, but {error}. Check "
            "multus:chart.repository"
        ) from error


def _parsed(text: bytes, repository: str) -> _Index:
    # The base loaders leave every scalar a text, and the one in C is ten times as fast.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _Index.model_validate(yaml.load(text, Loader=loader))  # noqa: S506 (texts only)
    except (yaml.YAMLError, ValidationError) as error:
        raise ChartError(
            f"{repository}/index.yaml is no index of a chart repository. Check "
            "multus:chart.repository"
        ) from error


def _download(url: str, repository: str, accept: str = "*/*") -> tuple[bytes, str]:
    """The content, and the whole URL of what may be relative to the repository."""
    try:
        url = urljoin(f"{repository}/", url)
        if not url.startswith(("https://", "http://")):
            raise ChartError(
                f"the index of {repository} leads to {url}. Check multus:chart.repository"
            )
        request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 (checked above)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 (likewise)
            content: bytes = response.read(MOST_BYTES + 1)
            announced = int(response.headers.get("Content-Length") or len(content))
            if len(content) < min(announced, MOST_BYTES):
                raise ChartError(
                    f"the chart repository {repository} broke off in the middle of {url}. Try again"
                )
    except (OSError, ValueError, HTTPException) as error:
        raise ChartError(
            f"the chart repository {repository} does not give {url}: {_reason(error)}. Try again, "
            "or put the packages into a folder and name it as multus:chart.path; nothing was "
            "changed"
        ) from error
    if len(content) > MOST_BYTES:
        raise ChartError(f"{url} has more than {MOST_BYTES} bytes: that is no chart repository")
    return content, url


def _reason(error: Exception) -> object:
    """What a URLError wraps says more than the URLError; an HTTP status speaks for itself."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (401, 403):
            return f"{error} (it asks for a login, and none is supported)"
        return error
    return getattr(error, "reason", None) or repr(error)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(target: Path, content: bytes) -> None:
    """Write as a whole or not at all: another run may be reading."""
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise ChartError(f"cannot write {target}: {error.strerror}") from error
