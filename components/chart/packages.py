"""The chart's packages: downloaded once, held to their digest, deployed as exactly these bytes.

Helm does not compare a package with the digest in its repository's index. So the program gets
each package itself, checks it, and hands Helm the checked file. The files lie in `.charts/` of
the project, under a relative path with their digest in the name: previews from two checkouts are
the same, a changed package is a changed path, and with the file there no network is needed.

A repository speaks HTTP (index.yaml), or is a folder of an OCI registry (helm.sh/docs/topics/
registries): the manifest of `<repository>/<chart>:<version>` names the package's blob.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from ..findings import printable
from .versions import Chart, Package

FOLDER: Final = Path(".charts")
TIMEOUT_SECONDS: Final = 30
# The index of the real repository has 1.5 MB and a package 20 kB; the limit is against a server
# that never ends.
MOST_BYTES: Final = 64 * 2**20
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
PACKAGE: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CHECK: Final = ". Check multus:chart.repository"
# Where registries speak plain HTTP, as container tools have it; Helm needs --plain-http there.
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ChartError(Exception):
    """A package could not be had, or is not the one that was published; one line."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


def download_packages(chart: Chart, folder: Path = FOLDER) -> dict[str, str]:
    """Path of the checked package for each chart's name; raises ChartError."""
    return {package.chart: str(_checked(chart, package, folder)) for package in chart.packages}


def _checked(chart: Chart, package: Package, folder: Path) -> Path:
    stem = package.file_name.removesuffix(".tgz")
    target = folder / f"{stem}-{package.sha256[:12]}.tgz"
    if target.is_file() and _digest(target.read_bytes()) == package.sha256:
        return target
    if chart.path is not None:
        content, origin = _from_folder(Path(chart.path), package)
    elif chart.repository.startswith("oci://"):
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
    if not folder.is_dir():
        raise ChartError(
            f'multus:chart.path is "{folder}", which is no folder. Name the one that holds '
            f"{package.file_name}"
        )
    try:
        return file.read_bytes(), str(file)
    except OSError as error:
        raise ChartError(
            f"multus:chart.path has no readable {package.file_name} ({error.strerror}). Put the "
            "package there, or remove multus:chart.path to take it from the repository"
        ) from error


def _from_repository(repository: str, package: Package) -> tuple[bytes, str]:
    import yaml  # noqa: PLC0415 (not needed where the package is there)

    # The base loaders leave every scalar a text, and the one in C is ten times as fast.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    index = _download("index.yaml", repository)[0]
    try:
        entries = yaml.load(index, Loader=loader)["entries"].get(package.chart, [])  # noqa: S506 (texts only)
        found = [entry for entry in entries if entry["version"] == package.version]
        url = "".join(found[0]["urls"][:1]) if found else ""
    except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        raise ChartError(
            f"{repository}/index.yaml is no index of a chart repository{CHECK}"
        ) from error
    if not url:
        raise ChartError(
            f"the chart repository {repository} has no {package.chart} {package.version}. Choose "
            "a version that it has, or another multus:chart.repository"
        )
    return _download(url, repository)


def _from_registry(repository: str, package: Package) -> tuple[bytes, str]:
    parts = urlsplit(repository)
    scheme = "http" if parts.hostname in LOOPBACK else "https"
    base = f"{scheme}://{parts.netloc}/v2{parts.path}/{package.chart}"
    tag = package.version.replace("+", "_")  # a tag cannot hold +, and Helm writes _ for it
    manifest, _ = _download(f"{base}/manifests/{tag}", repository, MANIFEST)
    wrong = "its manifest is none"
    try:
        layers = {one["mediaType"]: one["digest"] for one in json.loads(manifest)["layers"]}
        if all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in layers.values()):
            wrong = "" if PACKAGE in layers else f"it is no Helm chart: no layer is {PACKAGE}"
    except (ValueError, LookupError, TypeError):
        layers = {}
    if wrong:
        raise ChartError(f"{repository} has {package.chart} {package.version}, but {wrong}{CHECK}")
    return _download(f"{base}/blobs/{layers[PACKAGE]}", repository)


def _download(url: str, repository: str, accept: str = "*/*") -> tuple[bytes, str]:
    """The content, and the whole URL of what may be relative to the repository."""
    import requests  # noqa: PLC0415 (90 ms, and not needed where the package is there)

    content = b""
    try:
        url = urljoin(f"{repository}/", url)
        if not url.startswith(("https://", "http://")):
            raise ChartError(f"the index of {repository} leads to {url}{CHECK}")
        with requests.Session() as session:
            session.headers["Accept"] = accept
            answer = session.get(url, timeout=TIMEOUT_SECONDS, stream=True)
            if token := _token(session, answer.headers.get("WWW-Authenticate", "")):
                headers = {"Authorization": f"Bearer {token}"}
                answer = session.get(url, headers=headers, timeout=TIMEOUT_SECONDS, stream=True)
            answer.raise_for_status()
            for chunk in answer.iter_content(2**16):
                content += chunk
                if len(content) > MOST_BYTES:
                    message = f"has more than {MOST_BYTES} bytes: that is no chart repository"
                    raise ChartError(f"{url} {message}")
    except (requests.RequestException, OSError, ValueError) as error:
        raise ChartError(
            f"the chart repository {repository} does not give {url}: {_reason(error)}. Try again, "
            "or put the packages into a folder and name it as multus:chart.path; nothing was "
            "changed"
        ) from error
    return content, url


def _token(session: Any, challenge: str) -> str | None:
    """The token that a public registry hands to anybody (distribution's token protocol)."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge)) if "Bearer" in challenge else {}
    if not asked.get("realm", "").startswith(("https://", "http://")):
        return None
    answer = session.get(asked.pop("realm"), params=asked, timeout=TIMEOUT_SECONDS)
    found = answer.json() if answer.ok else {}
    return found.get("token") or found.get("access_token")


def _reason(error: BaseException) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        login = " (it asks for a login, and none is supported)" if status in (401, 403) else ""
        return f"HTTP status {status}{login}"
    while inner := error.__cause__ or error.__context__:  # the innermost says most
        error = inner
    return str(error) or type(error).__name__


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
