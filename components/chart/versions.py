"""The chart's versions: their digests, which are refused and why.

`chart_versions.json` has the digests of the chart repository's index; `packages.py` holds the
bytes to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from ..fields import Checked, matches
from ..findings import did_you_mean, invalid, needs_quotes
from ..model import Model

REPOSITORY: Final = "https://rke2-charts.rancher.io"
CHART: Final = "rke2-multus"
CRD_CHART: Final = "rke2-multus-crd"
# Fixed for good: Helm's ownership marks on live objects carry them, and a release that changed
# name or namespace would be replaced, which takes every network of the cluster with it.
RELEASE: Final = "multus"
CRD_RELEASE: Final = "multus-crd"
RELEASE_TYPE: Final = "kubernetes:helm.sh/v3:Release"  # as Pulumi calls a release
HOLD: Final = "multus-hold"  # the DaemonSet of cluster_tasks/hold.py
NAMESPACE: Final = "kube-system"


@dataclass(frozen=True)
class ChartVersion:
    """A published version, as a row of `chart_versions.json`, which says what the fields mean."""

    version: str
    published: str
    sha256: str
    tags: Mapping[str, str]
    crd_version: str | None = None
    crd_sha256: str = ""
    reconciler_deployment: bool = True


DATA: Final = json.loads(Path(__file__).with_name("chart_versions.json").read_text("utf-8"))
VERSIONS: Final = {row["version"]: ChartVersion(**row) for row in DATA["versions"]}
"""From the oldest to the newest."""
DEFAULT: Final = [*VERSIONS][-1]


FORM: Final = r"v[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{3}"  # since v4.2.106, with the build in three digits


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall("[0-9]{1,9}", version)[:3]]


def not_newer(version: str) -> str:
    """A pattern of this version and all before it."""
    major, minor, build = _number(version)
    begins = [
        *(rf"{one}\." for one in range(major)),
        *(rf"{major}\.{one}\." for one in range(minor)),
        *(rf"{major}\.{minor}\.{one:03}$" for one in range(build + 1)),
    ]
    return f"^v({'|'.join(begins)})"


def _schema() -> dict[str, Any]:
    """Editors show what `_version` refuses: what is neither known nor newer."""
    newer = {"pattern": f"^{FORM}$", "not": {"pattern": not_newer(DEFAULT)}}
    return {"type": "string", "anyOf": [{"enum": [*VERSIONS]}, newer]}


def _version(value: Any) -> str:
    """One that is known, or newer: of those the rule `unknown-chart` speaks."""
    if not isinstance(value, str):
        raise invalid(needs_quotes(value, f'like "{DEFAULT}"'), value)
    number = _number(value)
    if value in VERSIONS or (re.fullmatch(FORM, value) and number > _number(DEFAULT)):
        return value
    for row in DATA["refused"]:
        if len(number) == 3 and row["from"] <= number <= row["to"]:
            raise invalid(f"{row['reason']}. Use {row['use']} or later", value)
    hint = did_you_mean(value, [*VERSIONS])
    raise invalid(f"that is no version of the chart that is known here. {hint}", value)


_URL: Final = (
    r"(?=[!-~]+$)(https?|oci)://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#@]*)?"
)


def _repository(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(_URL, value):
        return value.rstrip("/")
    # What it is instead is not repeated, for it may have a password.
    like = f'like "{REPOSITORY}" or "oci://registry.lan/charts"'
    raise invalid(f"is no URL of a chart repository, without user and password, {like}")


Sha256 = Annotated[
    str,
    matches("(sha256:)?[0-9A-Fa-f]{64}", "a sha256 has 64 hexadecimal digits, in quotes"),
    AfterValidator(lambda text: text[-64:].lower()),
]


class Chart(Model):
    """Which version of the chart, and where its packages come from."""

    version: Annotated[str, Checked(_version, _schema())] = DEFAULT
    """Exact version of rke2-multus, in quotes."""
    repository: Annotated[str, Checked(_repository, {"type": "string", "pattern": f"^{_URL}$"})] = (
        REPOSITORY
    )
    """URL of the chart repository, of a mirror, or of a folder in an OCI registry (oci://)."""
    path: Annotated[str, matches(r"[^\x00-\x1f\x7f]+", "a folder's path is one line")] | None = None
    """A folder with the chart's packages (.tgz) instead of a repository, from the project."""
    sha256: Sha256 | None = None
    """Digest of the package; the published one where it is left out."""
    crd_sha256: Sha256 | None = None
    """Digest of the CRD chart's package; the published one where it is left out."""

    @property
    def facts(self) -> ChartVersion:
        """Of a version that is newer than what is known: the newest's, without digests and tags."""
        row, number = VERSIONS[DEFAULT], self.version.removeprefix("v")
        newer = replace(row, version=self.version, sha256="", crd_version=number, crd_sha256="")
        return VERSIONS.get(self.version) or replace(newer, published="", tags={})

    @property
    def packages(self) -> list[tuple[str, str, str]]:
        """Chart, exact version and digest of each package, of which a CRD chart may be one.

        The digest is empty where it is not known.
        """
        facts = self.facts
        found = [(CHART, self.version, self.sha256 or facts.sha256)]
        if facts.crd_version:
            found.append((CRD_CHART, facts.crd_version, self.crd_sha256 or facts.crd_sha256))
        return found
