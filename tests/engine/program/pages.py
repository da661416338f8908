"""The commands that a page of the documents shows, and a shell that runs them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.stacks.files import ROOT

MULTUS_K3S: Final = f'#!/bin/sh\nexec {sys.executable} -m components.cli "$@"\n'


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands(text: str, section: str) -> list[str]:
    """The commands of a section, in order, with what goes on in the next line."""
    part = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^ *\$ ((?:.*\\\n)*.*)$", part, re.MULTILINE)
    assert found
    return found


def programs(folder: Path, scripts: Mapping[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, script in scripts.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
