"""Adds up what several runs of pytest say in their JUnit files.

python -m tests.counted FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def line(files: list[Path]) -> str:
    """The closing line, in pytest's words."""
    suites = [one for file in files for one in ET.parse(file).iter("testsuite")]  # noqa: S314
    tests, failures, errors, skipped = (
        sum(int(one.attrib[name]) for one in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    passed = tests - failures - errors - skipped
    counts = {"failed": failures + errors, "passed": passed, "skipped": skipped}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    seconds = sum(float(one.attrib["time"]) for one in suites)
    return f"===== {said} in {seconds:.0f}s ====="


if __name__ == "__main__":
    print(line([*map(Path, sys.argv[1:])]))
