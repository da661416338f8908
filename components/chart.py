"""The chart `rke2-multus` as a table: its versions, what each can do, which are refused and why.

The digests are those of the chart repository's index; `packages.py` holds the bytes to them.
Nothing here reads a network or a file outside this folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes
from components.forms import Form
from components.model import Model

REPOSITORY: Final = "https://rke2-charts.rancher.io"
CHART: Final = "rke2-multus"
CRD_CHART: Final = "rke2-multus-crd"
# Fixed for good: Helm's ownership marks on live objects carry them, and a release that changed
# name or namespace would be replaced, which takes every network of the cluster with it.
RELEASE: Final = "multus"
CRD_RELEASE: Final = "multus-crd"
NAMESPACE: Final = "kube-system"

VERSION: Final = re.compile(r"v([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{3})")
Number = tuple[int, int, int]

FIRST_GOOD: Final = "v4.2.414"
SPLIT: Final[Number] = (4, 3, 9)  # the CRDs left the chart (rke2-charts#1116, rke2#8628)
RECONCILER: Final[Number] = (4, 2, 415)  # Whereabouts 0.9.4: the reconciler got its own Deployment

# Up to and including the first number, a version is refused for the reason; ascending.
REFUSED_UP_TO: Final[tuple[tuple[Number, str], ...]] = (
    ((4, 2, 107), "it crashes or never calls Multus on K3s (rke2#8577, k3s-io/docs#450)"),
    ((4, 2, 302), "pods stop starting when its token expires (rke2#9313)"),
    ((4, 2, 409), "removing or upgrading it deletes every network (rke2#8628)"),
    ((4, 2, 413), "its DHCP daemon does not come up again after a crash (rke2#10423)"),
)
REFUSED: Final[dict[Number, tuple[str, str]]] = {
    (4, 3, 9): ("its CRD chart does not render (rke2-charts c121de05)", "v4.3.010"),
}


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
    def number(self) -> Number:
        return number_of(self.version)

    @property
    def crd_version(self) -> str | None:
        """Version of the CRD chart, None where the chart itself holds the CRDs."""
        return self.version.removeprefix("v") if self.number > SPLIT else None

    @property
    def reconciler_deployment(self) -> bool:
        """Whether Whereabouts' reconciler runs by itself; before, its DaemonSet does the work."""
        return self.number >= RECONCILER


def number_of(version: str) -> Number:
    match = VERSION.fullmatch(version)
    if not match:
        raise ValueError(version)
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch


def _table() -> dict[str, ChartVersion]:
    rows = json.loads(Path(__file__).with_name("chart_versions.json").read_text())["versions"]
    return {
        row["version"]: ChartVersion(
            row["version"], row["published"], row["sha256"], row["tags"], row.get("crdSha256")
        )
        for row in rows
    }


VERSIONS: Final = _table()
NEWEST: Final = max(VERSIONS, key=number_of)
DEFAULT: Final = NEWEST


def refusal(version: str) -> str | None:
    """Why this program does not deploy that version, with the first good one; None if it does."""
    match = VERSION.fullmatch(version)
    if not match:
        if re.match(r"v[0-3]\.|v?4\.[01]\.", version):
            return f"it is from before K3s's paths could be set. Use {FIRST_GOOD} or later"
        meant = re.sub(r"^v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})$", _padded, version)
        hint = f'Did you mean "{meant}"?' if meant in VERSIONS else f'Write it like "{DEFAULT}".'
        return f"that is no version of the chart. {hint}"
    number = number_of(version)
    if number in REFUSED:
        reason, good = REFUSED[number]
        return f"{reason}. Use {good} or later"
    for last, reason in REFUSED_UP_TO:
        if number <= last:
            return f"{reason}. Use {FIRST_GOOD} or later"
    if version not in VERSIONS:
        return f"it is not known here. The newest known version is {NEWEST}"
    return None


def _padded(match: re.Match[str]) -> str:
    return f"v{match[1]}.{match[2]}.{int(match[3]):03d}"


def _version(value: Any) -> str:
    if not isinstance(value, str):
        raise FaultsError([Fault((), needs_quotes(value, f'like "{DEFAULT}"'), value)])
    if reason := refusal(value):
        raise FaultsError([Fault((), reason, value)])
    return value


def _digest(value: Any) -> str:
    text = value.lower().removeprefix("sha256:") if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise FaultsError([Fault((), "a sha256 has 64 hexadecimal digits, in quotes", value)])
    return text


def _repository(value: Any) -> str:
    if isinstance(value, str) and "@" in value:
        raise FaultsError(
            [Fault((), "holds a user name or password; a chart repository is read without any")]
        )
    if isinstance(value, str) and re.fullmatch(r"(https?|oci)://[^\s/?#]+[^\s?#]*", value):
        with suppress(ValueError):  # a broken IPv6 address or port
            parts = urlsplit(value)
            if parts.hostname and parts.port != 0 and value.isascii() and value.isprintable():
                return value.rstrip("/")
    rule = f'a chart repository has a URL, like "{REPOSITORY}" or "oci://registry.lan/charts"'
    raise FaultsError([Fault((), rule, value)])


Sha256 = Annotated[
    str,
    BeforeValidator(_digest),
    WithJsonSchema({"type": "string", "pattern": r"^(sha256:)?[0-9A-Fa-f]{64}$"}),
]


class Chart(Model):
    """Which version of the chart, and where its packages come from."""

    version: Annotated[
        str,
        BeforeValidator(_version),
        WithJsonSchema({"type": "string", "enum": sorted(VERSIONS, key=number_of)}),
    ] = Field(default=DEFAULT)
    """Exact version of rke2-multus, in quotes."""
    repository: Annotated[
        str,
        BeforeValidator(_repository),
        WithJsonSchema({"type": "string", "pattern": r"^(https?|oci)://[^\s/?#@]+[^\s?#@]*$"}),
    ] = REPOSITORY
    """URL of the chart repository, of a mirror, or of a folder in an OCI registry (oci://)."""
    path: (
        Annotated[str, Form(r"[^\x00-\x1f\x7f]{1,1000}", "a folder's path is one line")] | None
    ) = None
    """A folder with the chart's packages (.tgz) instead of a repository, from the project."""
    sha256: Sha256 | None = None
    """Digest of the package; the published one where it is left out."""
    crd_sha256: Sha256 | None = None
    """Digest of the CRD chart's package; the published one where it is left out."""

    def faults(self) -> Iterator[Fault]:
        given = self.model_fields_set
        if "crd_sha256" in given and self.crd_sha256 and self.facts.crd_version is None:
            yield Fault(("crdSha256",), f"does nothing: {self.version} has no CRD chart. Remove it")
        if self.path is not None and "repository" in given:
            yield Fault(("repository",), "does nothing beside path. Remove one of the two")

    @property
    def facts(self) -> ChartVersion:
        return VERSIONS[self.version]

    @property
    def packages(self) -> tuple[Package, ...]:
        """The packages that a deployment needs: the chart, and the CRD chart where there is one."""
        facts = self.facts
        main = Package(CHART, self.version, self.sha256 or facts.sha256)
        if facts.crd_version is None:
            return (main,)
        digest = self.crd_sha256 or facts.crd_sha256
        assert digest, self.version  # the table has one for each version behind the split
        return (main, Package(CRD_CHART, facts.crd_version, digest))


@dataclass(frozen=True)
class Package:
    """A chart's package: its name, exact version and the digest that its bytes must have."""

    chart: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.chart}-{self.version}.tgz"
