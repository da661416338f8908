"""Rewrites `facts.json` from a folder of published chart packages.

    python -m testbed.charts.collect FOLDER --helm HELM

The cases and their values are read from the file itself, so a new case is written there by hand
(with `"versions": {"v4.3.017": {}}`) and filled in here. A version whose package the folder lacks
keeps its recorded facts. The stand-ins are never asked: they are what the facts judge.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from testbed.charts.facts import distil, image_tags
from testbed.charts.oracle import FACTS, object_key, read, values_of
from testbed.charts.render import RenderError, render

# Helm names template and line first, which differ between charts, and the cause last.
_CAUSE = re.compile(r"error calling .*")


def collect(content: dict[str, Any], folder: Path, helm: Path) -> None:
    """Fills `content` in place with what the packages in `folder` render."""
    used: dict[str, Any] = {}
    for name, case in content["cases"].items():
        values = values_of(content, name)
        for version, recorded in case["versions"].items():
            package = folder / f"{case['chart']}-{version}.tgz"
            if not package.is_file():
                used |= {key: content["objects"][key] for key in recorded.get("renders", [])}
                continue
            try:
                documents = render(helm, package, values)
            except RenderError as refusal:
                cause = _CAUSE.search(str(refusal))
                case["versions"][version] = {"fails": cause.group() if cause else str(refusal)}
                continue
            facts = distil(documents, version)
            entries = [{"object": key, "facts": fact} for key, fact in sorted(facts.items())]
            case["versions"][version] = {"renders": [object_key(entry) for entry in entries]}
            used |= {object_key(entry): entry for entry in entries}
            if case["chart"] == "rke2-multus" and "over" not in case:
                content["tags"].setdefault(version, {}).update(image_tags(documents))
    content["objects"] = used


def write(content: dict[str, Any]) -> None:
    """One case's version and one object a line: compact, and a change shows as its own line."""

    def line(value: Any) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def block(mapping: dict[str, Any], indent: str, inner: Any = line) -> str:
        lines = [f"{indent} {json.dumps(key)}: {inner(mapping[key])}" for key in sorted(mapping)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"

    def case(value: dict[str, Any]) -> str:
        fields = {key: line(item) for key, item in value.items() if key != "versions"}
        fields["versions"] = block(value["versions"], "   ")
        return block(fields, "  ", str)

    parts = {
        "cases": block(content["cases"], " ", case),
        "objects": block(content["objects"], " "),
        "source": line(content["source"]),
        "tags": block(content["tags"], " "),
    }
    FACTS.write_text(block(parts, "", str) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m testbed.charts.collect",
        description="Rewrite facts.json from a folder of published chart packages.",
    )
    parser.add_argument("folder", type=Path, help="folder with the published .tgz packages")
    parser.add_argument("--helm", type=Path, required=True, help="the helm binary")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"error: {options.folder} is no folder: name one with .tgz packages", file=sys.stderr)
        return 2
    content = read()
    collect(content, options.folder, options.helm)
    write(content)
    print(f"{len(content['cases'])} cases, {len(content['objects'])} objects in {FACTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
