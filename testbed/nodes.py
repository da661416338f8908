"""What a simulated node looks like before kwok gives it its status."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

K3S = "v1.34.2+k3s1"
NOT_READY = "multus-testbed/not-ready"  # the label that stages.yaml reads
NODE = Template(Path(__file__).with_name("node.yaml").read_text("utf-8"))


def node(name: str, number: int, kubelet_version: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """A Node with some more labels."""
    text = NODE.substitute(
        name=name,
        version=kubelet_version,
        address=f"198.18.{number // 250}.{number % 250 + 1}",
        pods=f"10.42.{number % 256}.0/24",
    )
    made: dict[str, Any] = yaml.safe_load(text)
    made["metadata"]["labels"] |= labels
    return made
