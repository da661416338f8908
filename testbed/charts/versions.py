"""Which chart versions have a stand-in, and what changed between them.

One row per published version: the image tags that the chart installs. Everything else that differs
is a property named for the change and dated by the first version that has it, so that a template
never asks for a version number. Does not say which version is good: `components/chart` does, whose
rows these are where it has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from components.chart.versions import VERSIONS

Generation = Literal["crd-in-chart", "crd-keep", "split"]


class ChartVersionError(ValueError):
    """A version that no row of the table describes."""


@dataclass(frozen=True)
class ChartVersion:
    """One published version, by the tags of the three images it installs."""

    version: str
    multus_tag: str
    plugins_tag: str
    whereabouts_tag: str

    @cached_property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, because `v4.3.009` is no valid semantic version."""
        return tuple(int(part) for part in self.version.removeprefix("v").split("."))

    @property
    def multus(self) -> str:
        """The Multus that this chart calls its appVersion."""
        return self.multus_tag.removeprefix("v").split("-")[0]

    @property
    def whereabouts(self) -> str:
        """Version and appVersion of the Whereabouts subchart."""
        return self.whereabouts_tag.removeprefix("v").split("-")[0]

    @property
    def crd_version(self) -> str | None:
        """Version of the companion `rke2-multus-crd`; it is published without the leading v."""
        return self.version.removeprefix("v") if self.number >= (4, 3, 9) else None

    @property
    def generation(self) -> Generation:
        """Where the NetworkAttachmentDefinition CRD lives and whether Helm may delete it."""
        if self.crd_version:
            return "split"
        return "crd-keep" if self.number >= (4, 2, 410) else "crd-in-chart"

    @property
    def keeps_whereabouts_crds(self) -> bool:
        return self.number >= (4, 2, 408)

    @property
    def cleans_up_by_default(self) -> bool:
        """`cleanupConfigOnExit` was unset before v4.2.303, which also stopped token refresh."""
        return self.number >= (4, 2, 303)

    @property
    def runs_token_watcher(self) -> bool:
        """Before v4.2.312 a folded YAML scalar joined the script's lines into one command."""
        return self.number >= (4, 2, 312)

    @property
    def clears_host_dhcp_socket(self) -> bool:
        """Before v4.2.414 the cleanup removed a path of its own container, hence nothing."""
        return self.number >= (4, 2, 414)

    @property
    def has_reconciler(self) -> bool:
        return self.number >= (4, 2, 415)

    @property
    def crd_chart_is_broken(self) -> bool:
        """4.3.009 calls `dig` on the values object itself, which Helm 3 refuses."""
        return self.number == (4, 3, 9)


# multus, cni-plugins and whereabouts tags of those that the program refuses.
_REFUSED = [
    ChartVersion(*row.split())
    for row in """
v4.2.205 v4.2.2-build20250909 v1.8.0-build20250909 v0.9.2-build20250909
v4.2.303 v4.2.3-build20251110 v1.8.0-build20251110 v0.9.2-build20251110
v4.2.409 v4.2.4-build20260310 v1.9.1-build20260415 v0.9.3-build20260408
v4.2.410 v4.2.4-build20260310 v1.9.1-build20260415 v0.9.3-build20260408
v4.2.411 v4.2.4-build20260310 v1.9.1-build20260506 v0.9.3-build20260408
v4.2.412 v4.2.4-build20260310 v1.9.1-build20260506 v0.9.3-build20260511
v4.2.413 v4.2.4-build20260310 v1.9.1-build20260511 v0.9.3-build20260511
v4.3.009 v4.3.0-build20260722 v1.9.1-build20260717 v0.9.4-build20260721
""".strip().splitlines()
]
_KNOWN = [
    ChartVersion(row.version, *(row.tags[one] for one in ("multus", "cniPlugins", "whereabouts")))
    for row in VERSIONS.values()
]
TABLE = tuple(sorted([*_REFUSED, *_KNOWN], key=lambda row: row.number))
"""Oldest first."""


def chart_version(version: str) -> ChartVersion:
    """The row for `v4.3.017`, also written `4.3.017`; ChartVersionError when there is none."""
    wanted = "v" + version.removeprefix("v")
    for row in TABLE:
        if row.version == wanted:
            return row
    raise ChartVersionError(
        f"there is no stand-in for chart {version}: the table goes from {TABLE[0].version} to "
        f"{TABLE[-1].version}. Use one of its versions or add one by testbed/charts/add.py."
    )
