"""What a chart package renders for given values, by `helm template`.

Renders without a cluster, so it shows what Helm would send and not what an API server makes of it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

RELEASE = "multus"
NAMESPACE = "kube-system"

Json = Any
"""Anything that JSON can hold; what helm renders is not typed any further."""


class RenderError(RuntimeError):
    """Helm refused chart or values; the text is Helm's own."""


def render(helm: Path, package: Path, values: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Every object of the chart, CRDs of a `crds/` folder included; RenderError when it fails."""
    command = [str(helm), "template", RELEASE, str(package), "-n", NAMESPACE, "--include-crds"]
    run = subprocess.run(
        [*command, "-f", "-"], input=json.dumps(values), capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise RenderError(run.stderr.strip())
    return [document for document in yaml.safe_load_all(run.stdout) if document]
