"""Adds a published version of the chart to `components/chart/chart_versions.json`.

    python -m testbed.charts.add v4.3.018 --published 2026-09-01 [--from FOLDER-OR-REPOSITORY]

The digests and tags are those of the packages. What else changed since the version before is
printed: whether the table's other facts, and the rules' evidence, still hold is for a person.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.chart import versions
from components.chart.packages import ChartError, download_packages
from components.chart.versions import CHART, CRD_CHART, DEFAULT, REPOSITORY, VERSIONS, Chart
from components.cli.charts import changes, tags, texts

FILE = Path(versions.__file__).with_name("chart_versions.json")


def row(chart: Chart, published: str) -> dict[str, Any]:
    """The table's row for a chart, from its packages; raises ChartError."""
    with tempfile.TemporaryDirectory() as folder:
        packages = download_packages(chart, Path(folder))
        digests = {
            name: hashlib.sha256(Path(path).read_bytes()).hexdigest()
            for name, path in packages.items()
        }
        files = texts(packages)
    found = tags(files)
    return {
        "version": chart.version,
        "published": published,
        "sha256": digests[CHART],
        "crd_version": chart.facts.crd_version,
        "crd_sha256": digests[CRD_CHART],
        "tags": {name: found[name] for name in VERSIONS[DEFAULT].tags if name in found},
    }


def with_row(text: str, added: dict[str, Any]) -> str:
    """The table's text with one more version, and no other line changed."""
    end = '\n ],\n "refused"'
    row = "\n".join(f"  {line}" for line in json.dumps(added, indent=1).splitlines())
    return text.replace(end, f",\n{row}{end}", 1)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--published", required=True, help="the day, as in 2026-09-01")
    parser.add_argument("--from", dest="source", default=REPOSITORY)
    given = parser.parse_args(arguments if arguments is None else [*arguments])
    there = {"path": given.source} if Path(given.source).is_dir() else {"repository": given.source}
    chart = Chart(version=given.version, **there)
    if chart.version in VERSIONS:
        parser.exit(1, f"{chart.version} is in the table already\n")
    try:
        added = row(chart, given.published)
        lines = list(changes(Chart(version=DEFAULT, **there), chart))
    except ChartError as error:
        parser.exit(1, f"{error}\n")
    FILE.write_text(with_row(FILE.read_text(encoding="utf-8"), added), encoding="utf-8")
    print("\n".join([f"added {chart.version}. Since {DEFAULT}:", *lines]))


if __name__ == "__main__":
    main()
