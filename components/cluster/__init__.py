"""The cluster: the directories on its nodes that follow from its distribution.

Every path in Helm values and networks comes from here. `Cluster` is a union, told apart by
`distribution`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.cluster.common import Paths
from components.cluster.custom import Custom
from components.cluster.k3s import K3s
from components.cluster.rke2 import Rke2

AnyCluster = K3s | Rke2 | Custom
Cluster = Annotated[AnyCluster, Field(discriminator="distribution")]

__all__ = ["AnyCluster", "Cluster", "Custom", "K3s", "Paths", "Rke2"]
