"""Chart packages for tests: the stand-ins, or the published ones where RKE2_CHARTS has them.

    python -m testbed.charts.package v4.2.418 v4.3.017 --into build/charts

prints the path and sha256 of each package. `Repository` serves them over HTTP. Downloads nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.charts.archive import pack, sha256
from testbed.charts.assemble import SOURCES, Files, crd_chart, main_chart
from testbed.charts.versions import TABLE, ChartVersionError, chart_version

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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m testbed.charts.package",
        description="Pack chart versions and print each package's path and sha256.",
        epilog=f"Versions: {', '.join(row.version for row in TABLE)}.",
    )
    parser.add_argument("versions", nargs="+", metavar="VERSION", help="for example v4.3.017")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="folder to fill")
    options = parser.parse_args(arguments)
    try:
        for version in options.versions:
            for path in package(version, options.into).all:
                print(f"{path}  sha256:{sha256(path)}")
    except ChartVersionError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
