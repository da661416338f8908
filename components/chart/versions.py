"""The chart's versions: their digests, which are refused and why.

`chart_versions.json` has the digests of the chart repository's index; `packages.py` holds the
bytes to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from ..fields import Checked, matches
from ..findings import invalid, needs_quotes
from ..model import Model

REPOSITORY: Final = "https://rke2-charts.rancher.io"
CHART: Final = "rke2-multus"
CRD_CHART: Final = "rke2-multus-crd"
# Fixed for good: Helm's ownership marks on live objects carry them, and a release that changed
# name or namespace would be replaced, which takes every network of the cluster with it.
RELEASE: Final = "multus"
CRD_RELEASE: Final = "multus-crd"
NAMESPACE: Final = "kube-system"


@dataclass(frozen=True)
class ChartVersion:
    """A published version: its digests, and where its CRDs are."""

    version: str
    published: str
    sha256: str
    tags: Mapping[str, str]
    """Tag of the images: multus (also of its thick image), cniPlugins, whereabouts and
    dynamicNetworksController, as the packages' values.yaml have them."""
    crd_sha256: str | None = None

    @property
    def crd_version(self) -> str | None:
        """Version of the CRD chart, None where the chart itself holds the CRDs.

        They left it with v4.3.009 (rke2-charts#1116, rke2#8628).
        """
        return self.version.removeprefix("v") if self.crd_sha256 else None

    @property
    def reconciler_deployment(self) -> bool:
        """Whether Whereabouts' reconciler runs by itself; before 0.9.4 its DaemonSet does it."""
        return number_of(self.version) >= (4, 2, 415)


def number_of(version: str) -> tuple[int, ...]:
    """The three numbers of a version, by which versions compare; none where it is not one."""
    match = re.fullmatch(r"v([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{3})", version)
    return tuple(int(part) for part in match.groups()) if match else ()


_DATA: Final = json.loads(Path(__file__).with_name("chart_versions.json").read_text())
VERSIONS: Final = {
    row["version"]: ChartVersion(
        row["version"], row["published"], row["sha256"], row["tags"], row.get("crdSha256")
    )
    for row in _DATA["versions"]
}
RESOURCES: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = _DATA["resources"]
"""Requests and limits by daemon, as the chart's values.yaml has them."""
FIRST_GOOD: Final = min(VERSIONS, key=number_of)
NEWEST: Final = max(VERSIONS, key=number_of)
DEFAULT: Final = NEWEST


def _version(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(needs_quotes(value, f'like "{DEFAULT}"'), value)
    if value in VERSIONS:
        return value
    number = number_of(value)
    for row in _DATA["refused"] if number else ():
        if number_of(row.get("first", "")) <= number <= number_of(row["last"]):
            raise invalid(f"{row['reason']}. Use {row['use']} or later", value)
    if number:
        raise invalid(f"it is not known here. The newest known version is {NEWEST}", value)
    if re.match(r"v[0-3]\.|v?4\.[01]\.", value):
        rule = f"it is from before K3s's paths could be set. Use {FIRST_GOOD} or later"
        raise invalid(rule, value)
    parts = re.fullmatch(r"v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})", value)
    meant = f"v{parts[1]}.{parts[2]}.{parts[3]:0>3}" if parts else ""
    hint = f'Did you mean "{meant}"?' if meant in VERSIONS else f'Write it like "{DEFAULT}".'
    raise invalid(f"that is no version of the chart. {hint}", value)


def _digest(value: Any) -> str:
    text = value.lower().removeprefix("sha256:") if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise invalid("a sha256 has 64 hexadecimal digits, in quotes", value)
    return text


def _repository(value: Any) -> str:
    if isinstance(value, str) and "@" in value:
        raise invalid("holds a user name or password; a chart repository is read without any")
    if isinstance(value, str) and re.fullmatch(r"(https?|oci)://[^\s/?#]+[!-~]*", value):
        with suppress(ValueError):  # a broken IPv6 address or port
            parts = urlsplit(value)
            if parts.hostname and parts.port != 0 and value.isascii() and "?" not in value:
                return value.rstrip("/")
    rule = f'a chart repository has a URL, like "{REPOSITORY}" or "oci://registry.lan/charts"'
    raise invalid(rule, value)


_URL: Final = {"type": "string", "pattern": r"^(https?|oci)://[^\s/?#@]+[^\s?#@]*$"}
_SHA256: Final = {"type": "string", "pattern": r"^(sha256:)?[0-9A-Fa-f]{64}$"}
_VERSIONS: Final = {"type": "string", "enum": sorted(VERSIONS, key=number_of)}
_FOLDER: Final = matches(r"[^\x00-\x1f\x7f]{1,1000}", "a folder's path is one line")


class Chart(Model):
    """Which version of the chart, and where its packages come from."""

    version: Annotated[str, Checked(_version, _VERSIONS)] = DEFAULT
    """Exact version of rke2-multus, in quotes."""
    repository: Annotated[str, Checked(_repository, _URL)] = REPOSITORY
    """URL of the chart repository, of a mirror, or of a folder in an OCI registry (oci://)."""
    path: Annotated[str, _FOLDER] | None = None
    """A folder with the chart's packages (.tgz) instead of a repository, from the project."""
    sha256: Annotated[str, Checked(_digest, _SHA256)] | None = None
    """Digest of the package; the published one where it is left out."""
    crd_sha256: Annotated[str, Checked(_digest, _SHA256)] | None = None
    """Digest of the CRD chart's package; the published one where it is left out."""

    @property
    def facts(self) -> ChartVersion:
        return VERSIONS[self.version]

    @property
    def packages(self) -> tuple[Package, ...]:
        """The packages that a deployment needs: the chart, and the CRD chart where there is one."""
        facts = self.facts
        main = Package(CHART, self.version, self.sha256 or facts.sha256)
        if facts.crd_version is None or facts.crd_sha256 is None:
            return (main,)
        return (main, Package(CRD_CHART, facts.crd_version, self.crd_sha256 or facts.crd_sha256))


@dataclass(frozen=True)
class Package:
    """A chart's package: its name, exact version and the digest that its bytes must have."""

    chart: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.chart}-{self.version}.tgz"
