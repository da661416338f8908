"""Cases of unit tests as data: each YAML file has its lists by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def load(file: str, name: str) -> list[Any]:
    text = Path(__file__).with_name(f"{file}.yaml").read_text(encoding="utf-8")
    found: list[Any] = yaml.safe_load(text)[name]
    return found
