"""The example as its author's type checker sees it: strict, with what pip installs, no plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.library import EXAMPLE, ROOT, install

# What is wrong in a copy of the example, each with what mypy says of it.
WRONG: Final = {
    ('ipam="whereabouts"', 'ipam="whereabout"'): 'Argument "ipam" to "MultusArgs" has incompatible',
    ('master="eth1"', 'mastr="eth1"'): 'Unexpected keyword argument "mastr" for "Macvlan"',
    ("network=lan, ", "network=args, "): 'Argument "network" to "Selection" has incompatible type',
    ("multus.pod_annotations", "multus.pod_annotation"): '"MultusComponent" has no attribute',
}


def test_the_example_is_typed_for_those_who_only_have_the_library(tmp_path: Path) -> None:
    library = install(tmp_path / "library")
    source = (EXAMPLE / "__main__.py").read_text(encoding="utf-8")
    (tmp_path / "example.py").write_text(source, encoding="utf-8")
    for right, wrong in WRONG:
        assert source.count(right) == 1, right
        source = source.replace(right, wrong)
    (tmp_path / "wrong.py").write_text(source, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n", encoding="utf-8")
    cache = ROOT / ".mypy_cache" / "library"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(cache), "example.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert all(line.startswith("wrong.py:") for line in said), done.stdout
    for fault in WRONG.values():
        assert sum(fault in line for line in said) == 1, done.stdout
