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
from urllib.parse import urljoin

from ..findings import printable
from .versions import CHART, CRD_CHART, Chart

FOLDER: Final = Path(".charts")
TIMEOUT_SECONDS: Final = 30
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
PACKAGE: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
# Where registries speak plain HTTP, as container tools have it; Helm needs --plain-http there.
LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:|$)")


class ChartError(Exception):
    """A package could not be had, or is not the one that was published; one line."""


def download_packages(chart: Chart, folder: Path = FOLDER) -> dict[str, str]:
    """Path of the checked package for each chart's name; raises ChartError."""
    source = "multus:chart.path" if chart.path else f"the chart repository {chart.repository}"
    found = {}
    for name, version, sha256 in chart.packages:
        try:
            found[name] = str(_checked(chart, name, version, sha256, folder))
        except (OSError, ValueError) as error:  # those of requests are of the first kind
            message = f"{source} does not give {name} {version}: {_reason(error)}. "
            remedy = "Try again, or put the packages into a folder and name it as multus:chart.path"
            raise ChartError(printable(f"{message}{remedy}; nothing was changed")) from error
    return found


def _reason(error: BaseException) -> BaseException:
    """The innermost says most."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _checked(chart: Chart, name: str, version: str, sha256: str, folder: Path) -> Path:
    target = folder / f"{name}-{version}-{sha256[:12]}.tgz"
    if sha256 and target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256:
        return target
    if chart.path:
        origin = f"{chart.path}/{name}-{version}.tgz"
        content = Path(origin).read_bytes()
    else:
        origin = _url(chart.repository, name, version)
        content = _download(origin)
    digest = hashlib.sha256(content).hexdigest()
    if not sha256:
        target = folder / f"{name}-{version}-{digest[:12]}.tgz"
    elif digest != sha256:
        key = "crdSha256" if name == CRD_CHART else "sha256"
        raise ValueError(
            f"{origin} has sha256 {digest}, but {sha256} is expected: it is not the package that "
            f"was published. If it is your own, set multus:chart.{key}"
        )
    # As a whole or not at all: another run may be reading.
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        fresh.write_bytes(content)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return target


def published(repository: str) -> list[str]:
    """The chart's versions in a repository's index, the newest first; raises ChartError."""
    listing = f"{repository}/index.yaml"
    try:
        return [entry["version"] for entry in _entries(_download(listing), CHART)]
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ChartError(printable(f"{listing} cannot be read: {_reason(error)}")) from error


def _entries(index: bytes, name: str) -> list[dict[str, Any]]:
    """What a repository's index has of a chart; raises LookupError, TypeError or ValueError."""
    import yaml  # noqa: PLC0415 (not needed where the package is there)

    # The base loaders leave every scalar a text, and the one in C is ten times as fast.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return list(yaml.load(index, Loader=loader)["entries"][name])  # noqa: S506 (texts)
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML") from error


def _url(repository: str, name: str, version: str) -> str:
    """Where a package lies, by the repository's index or the registry's manifest."""
    host, slash, path = repository.removeprefix("oci://").partition("/")
    scheme = "http" if LOOPBACK.match(host) else "https"
    base = f"{scheme}://{host}/v2{slash}{path}/{name}"
    oci = repository.startswith("oci://")
    listing = f"{base}/manifests/{version}" if oci else f"{repository}/index.yaml"
    content = _download(listing, MANIFEST if oci else "*/*")
    with contextlib.suppress(LookupError, TypeError, ValueError):
        if oci:
            layers = json.loads(content)["layers"]
            digests = {layer["mediaType"]: layer["digest"] for layer in layers}
            return f"{base}/blobs/{digests[PACKAGE]}"
        urls = {entry["version"]: entry["urls"] for entry in _entries(content, name)}
        return str(urljoin(f"{repository}/", urls[version][0]))
    raise ValueError(f"{listing} has none of that name and version")


def _download(url: str, accept: str = "*/*") -> bytes:
    import requests  # noqa: PLC0415 (90 ms, and not needed where the package is there)

    with requests.Session() as session:
        session.headers["Accept"] = accept
        answer = session.get(url, timeout=TIMEOUT_SECONDS)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if challenge.startswith("Bearer"):
            # A public registry hands a token to anybody (distribution's token protocol).
            asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
            token = session.get(asked.pop("realm", ""), params=asked, timeout=TIMEOUT_SECONDS)
            found = token.json() if token.ok else {}
            bearer = found.get("token", found.get("access_token"))
            session.headers["Authorization"] = f"Bearer {bearer}"
            answer = session.get(url, timeout=TIMEOUT_SECONDS)
        if answer.status_code in (401, 403):
            raise ValueError(f"{url} asks for a login, and none is supported")
        answer.raise_for_status()
        return answer.content
