"""The library as another project gets it: installed by pip, with nothing of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
EXAMPLES: Final = ROOT / "examples"
EXAMPLE: Final = EXAMPLES / "attached-deployment"


def install(target: Path) -> Path:
    """Installs it into an empty folder; its dependencies are those of this Python."""
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--target", str(target))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)  # setuptools builds beside the sources, and keeps what it built
        shutil.copy(ROOT / "pyproject.toml", copy)
        cached = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "components", copy / "components", ignore=cached)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", *options, str(copy)],
            check=True,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    return target


def run(code: str, path: Path, folder: Path) -> str:
    """What a fresh process prints that has the library on `path`, in `folder`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
