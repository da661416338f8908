"""The pages make a site, in which every link leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from ci.site import DECISIONS
from tests.stacks.files import ROOT

COMMAND: Final = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir")


def built(root: Path, to: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, str(to)], cwd=root, capture_output=True, text=True, check=False
    )


def test_the_site_is_built_from_all_pages(tmp_path: Path) -> None:
    done = built(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {one.relative_to(tmp_path).with_suffix(".md") for one in tmp_path.rglob("*.html")}
    docs = {one.relative_to(ROOT / "docs") for one in (ROOT / "docs").rglob("*.md")}
    assert pages == {*docs, Path("index.md"), Path(DECISIONS), Path("404.md")}
    start = (tmp_path / "index.html").read_text()
    assert 'href="never-without.html"' in start
    assert not re.search(r'href="(\.\./|docs/|tests/|examples/)', start)


def test_control_a_link_to_no_heading_is_a_failure(tmp_path: Path) -> None:
    for name in ("docs", "ci"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("README.md", "mkdocs.yml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "docs" / "more.md").write_text("[there](runbook.md#no-such-heading)")
    done = built(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "#no-such-heading" in done.stderr
