"""Chart packages for tests: the stand-ins, or the published ones where RKE2_CHARTS has them.

`Repository` serves them over HTTP. Downloads nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.charts.archive import pack, sha256
from testbed.charts.assemble import SOURCES, Files, crd_chart, main_chart
from testbed.charts.versions import ChartVersionError, chart_version

REAL_CHARTS = "RKE2_CHARTS"
"""Environment variable that names a folder of published .tgz packages."""


@dataclass(frozen=True)
class ChartPackages:
    """The packages of one version; `crd` is None where the main chart holds the CRDs."""

    main: Path
    crd: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        return (self.main,) if self.crd is None else (self.main, self.crd)

    def settings(self, repository: str | None = None) -> dict[str, str]:
        """`multus:chart` for them: from a repository that has them, or else from their folder."""
        found = {
            "version": self.main.stem.removeprefix("rke2-multus-"),
            **({"repository": repository} if repository else {"path": str(self.main.parent)}),
            "sha256": sha256(self.main),
        }
        return found | ({"crdSha256": sha256(self.crd)} if self.crd else {})


Packager = Callable[[str, Path], ChartPackages]
"""(version, destination folder) -> packages in that folder."""


def package(version: str, destination: Path) -> ChartPackages:
    """The published packages where RKE2_CHARTS names a folder of them, else the stand-ins."""
    folder = os.environ.get(REAL_CHARTS)
    packager = packages_from(Path(folder)) if folder else standin
    return packager(version, destination)


def standin(version: str, destination: Path, sources: Path = SOURCES) -> ChartPackages:
    """Packs the stand-ins of `version`; ChartVersionError when the table lacks it.

    `sources` is another copy of the source tree, for tests that change a template.
    """
    row = chart_version(version)
    crd = crd_chart(row, sources)
    return ChartPackages(
        main=_write(destination, f"rke2-multus-{row.version}", main_chart(row, sources)),
        crd=_write(destination, f"rke2-multus-crd-{row.crd_version}", crd) if crd else None,
    )


def packages_from(folder: Path) -> Packager:
    """A packager that copies published packages out of `folder` instead of packing stand-ins."""

    def published(version: str, destination: Path) -> ChartPackages:
        number = version.removeprefix("v")
        main = folder / f"rke2-multus-v{number}.tgz"
        crd = folder / f"rke2-multus-crd-{number}.tgz"
        if not main.is_file():
            raise ChartVersionError(
                f"{folder} has no {main.name}: put the published package there or unset "
                f"{REAL_CHARTS} to use the stand-ins"
            )
        destination.mkdir(parents=True, exist_ok=True)
        return ChartPackages(
            main=Path(shutil.copy(main, destination)),
            crd=Path(shutil.copy(crd, destination)) if crd.is_file() else None,
        )

    return published


def _write(destination: Path, name: str, files: Files) -> Path:
    destination.mkdir(parents=True, exist_ok=True)
    path = destination / f"{name}.tgz"
    path.write_bytes(pack(files))
    return path
