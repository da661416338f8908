"""`multus-k3s charts`: which versions there are, and what lies between two of them."""

from __future__ import annotations

import difflib
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

import yaml

from ..chart.packages import ChartError, download_packages, published
from ..chart.versions import CHART, DATA, VERSIONS, Chart, ChartVersion
from ..findings import FindingsError
from ..model import read
from ..plain import at

NO_TAG: Final = "none"
SUBCHART: Final = "rke2-whereabouts"


def versions(repository: str) -> Iterator[str]:
    """A line for each known version, the newest last, and what else the repository has."""
    for row in VERSIONS.values():
        tags = ", ".join(f"{name} {row.tags[name]}" for name in ("multus", "whereabouts"))
        yield f"{row.version}  {row.published}  {tags}"
    try:
        newer = [one for one in published(repository) if _is_newer(one)]
    except ChartError as error:
        yield f"what is newer is not known: {error}"
        return
    for one in reversed(newer):
        yield f"{one}  new there, and not checked here: see docs/upgrading.md"
    if not newer:
        yield f"{repository} has nothing newer"


def _is_newer(version: str) -> bool:
    try:
        return read(Chart, {"version": version}).version not in VERSIONS
    except FindingsError:
        return False


def changes(old: Chart, new: Chart) -> Iterator[str]:
    """What changes between two versions: images, where the CRDs are, and each file of the packages.

    Raises ChartError.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, after = (texts(download_packages(one, Path(folder))) for one in (old, new))
    rows = ((old.facts, before), (new.facts, after))
    yield from _facts(*(replace(row, tags=tags(files)) for row, files in rows))
    for name in sorted({*before, *after}):
        first, second = (side.get(name, "").splitlines() for side in (before, after))
        was, now = (f"{one.version}/{name}" for one in (old, new))
        yield from difflib.unified_diff(first, second, was, now, lineterm="")


def _facts(old: ChartVersion, new: ChartVersion) -> Iterator[str]:
    for name in sorted({*old.tags, *new.tags}):
        before, after = (one.tags.get(name, NO_TAG) for one in (old, new))
        if before != after:
            yield f"image {name}: {before} -> {after}"
    for what, before, after in (
        ("the CRDs", _crds(old), _crds(new)),
        ("Whereabouts' reconciler", _reconciler(old), _reconciler(new)),
    ):
        if before != after:
            yield f"{what}: {before} -> {after}"


def _crds(row: ChartVersion) -> str:
    return "a chart of their own" if row.crd_version else "in the chart"


def _reconciler(row: ChartVersion) -> str:
    return "a Deployment" if row.reconciler_deployment else "in the DaemonSet"


def tags(files: Mapping[str, str]) -> dict[str, str]:
    """The images' tags by their names in the table, from the values.yaml of the packages."""
    values = yaml.safe_load(files[f"{CHART}/values.yaml"])
    under = yaml.safe_load(files[f"{CHART}/charts/{SUBCHART}/values.yaml"])
    values[SUBCHART] = {**under, **values.get(SUBCHART, {})}
    found: dict[str, str] = {}
    for image in DATA["images"]:
        if tag := at(values, f"{image['values']}.tag"):
            found.setdefault(image["tag"], tag)
    return found


def texts(packages: dict[str, str]) -> dict[str, str]:
    """Every text in the packages by its path, without what is a package's own name."""
    found = {}
    for package in packages.values():
        with tarfile.open(package) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and PurePosixPath(member.name).suffix != ".tgz":
                    found[member.name] = content.read().decode(errors="replace")
    return found
