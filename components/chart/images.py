"""The images that a deployment pulls: what must be in a registry before an air-gapped cluster.

An image is `registry/repository:tag`, with nothing in front where there is no registry
(`system_default_registry` in the templates of rke2-multus v4.2.414 to v4.3.017).
"""

from __future__ import annotations

from typing import Final

from ..findings import MISSING
from .values import Values, at
from .versions import ChartVersion

BUSYBOX: Final = "1.36.1"  # the chart's own, the same in every version

# Switch among the Helm values, the path of its image, repository, the chart version's name for
# the tag.
_IMAGES: Final = (
    ("", "image", "hardened-multus-cni", "multus"),
    ("thickPlugin.enabled", "thickPlugin.image", "hardened-multus-thick", "multus"),
    ("", "cniplugins.image", "hardened-cni-plugins", "cniPlugins"),
    (
        *("dynamicNetworksController.enabled", "dynamicNetworksController.image"),
        *("hardened-multus-dynamic-networks-controller", "dynamicNetworksController"),
    ),
    ("manifests.dhcpDaemonSet", "dhcpDaemonSet.image", "mirrored-library-busybox", ""),
    ("rke2-whereabouts.enabled", "rke2-whereabouts.image", "hardened-whereabouts", "whereabouts"),
)


def images(values: Values, chart: ChartVersion, *, published: bool = False) -> tuple[str, ...]:
    """Every image that the main chart's pods name; the CRD chart runs none.

    `values` are the Helm values of the main release. With `published` the registry is left out:
    what to copy from, as against what the nodes pull.
    """

    def text(dotted: str, default: str) -> str:
        found = at(values, *dotted.split("."))
        return default if found is MISSING else str(found)

    registry = text("global.systemDefaultRegistry", "")
    front = f"{registry}/" if registry and not published else ""
    return tuple(
        f"{front}{text(f'{where}.repository', f'rancher/{repository}')}"
        f":{text(f'{where}.tag', chart.tags.get(tag, BUSYBOX))}"
        for switch, where, repository, tag in _IMAGES
        if not switch or at(values, *switch.split(".")) is True
        if where != "image" or at(values, "thickPlugin", "enabled") is not True
    )
