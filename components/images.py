"""The images that a deployment pulls: what must be in a registry before an air-gapped cluster.

Facts are of the templates of rke2-multus v4.2.414 to v4.3.017: an image is
`registry/repository:tag`, with nothing in front where there is no registry. The tags are the chart
version's, in `chart_versions.json`; `testbed/charts/facts.json` holds them to what is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.chart import ChartVersion
from components.faults import MISSING
from components.values import Values
from components.values.raw import at

# The chart's own, the same in every version.
BUSYBOX: Final = "1.36.1"

# Path among the Helm values -> repository, and the chart version's name for the tag.
DEFAULTS: Final[Mapping[str, tuple[str, str]]] = {
    "image": ("rancher/hardened-multus-cni", "multus"),
    "thickPlugin.image": ("rancher/hardened-multus-thick", "multus"),
    "dynamicNetworksController.image": (
        "rancher/hardened-multus-dynamic-networks-controller",
        "dynamicNetworksController",
    ),
    "cniplugins.image": ("rancher/hardened-cni-plugins", "cniPlugins"),
    "dhcpDaemonSet.image": ("rancher/mirrored-library-busybox", ""),
    "rke2-whereabouts.image": ("rancher/hardened-whereabouts", "whereabouts"),
}


def images(values: Values, chart: ChartVersion, *, published: bool = False) -> tuple[str, ...]:
    """Every image that the main chart's pods name; the CRD chart runs none.

    `values` are the Helm values of the main release. With `published` the registry is left out:
    what to copy from, as against what the nodes pull.
    """
    registry = _text(values, "global.systemDefaultRegistry", "")
    front = f"{registry}/" if registry and not published else ""
    found = []
    for where in _used(values):
        repository, tag = DEFAULTS[where]
        repository = _text(values, f"{where}.repository", repository)
        tag = _text(values, f"{where}.tag", chart.tags[tag] if tag else BUSYBOX)
        found.append(f"{front}{repository}:{tag}")
    return tuple(found)


def _used(values: Values) -> Iterator[str]:
    def on(dotted: str) -> bool:
        return at(values, dotted) is True

    yield "thickPlugin.image" if on("thickPlugin.enabled") else "image"
    yield "cniplugins.image"
    if on("dynamicNetworksController.enabled"):
        yield "dynamicNetworksController.image"
    if on("manifests.dhcpDaemonSet"):
        yield "dhcpDaemonSet.image"
    if on("rke2-whereabouts.enabled"):
        yield "rke2-whereabouts.image"


def _text(values: Any, dotted: str, default: str) -> str:
    found = at(values, dotted)
    return default if found is MISSING else str(found)
