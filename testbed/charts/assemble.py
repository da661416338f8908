"""Puts one version's stand-in charts together from the one source tree.

Copies per version would drift apart, so the templates exist once. What differs is done here: which
files a version has, the `${...}` fields of Chart.yaml and values.yaml, and a few named templates
(`_version.tpl`) that the sources include by name. Writes no file: see `archive.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from testbed.charts.versions import ChartVersion

SOURCES = Path(__file__).parent / "sources"

KEEP = "helm.sh/resource-policy: keep"
NAD_CRD = "network-attachment-definitions"
WHEREABOUTS_CRDS = ("ippools", "nodeslicepools", "overlappingrangeipreservations")

Files = dict[str, str]
"""File text by path inside the archive, whose first folder is the chart's name."""


def main_chart(version: ChartVersion, sources: Path = SOURCES) -> Files:
    """The `rke2-multus` chart with its Whereabouts subchart."""
    split = version.generation == "split"
    dependency = (
        "dependencies:\n"
        "  - name: rke2-whereabouts\n"
        "    condition: rke2-whereabouts.enabled\n"
        "    repository: file://./charts/rke2-whereabouts\n"
    )
    fields = {
        "chart_api": "v1" if split else "v2",
        "version": version.version,
        "multus": version.multus,
        "multus_tag": version.multus_tag,
        "plugins_tag": version.plugins_tag,
        "cleanup_default": "cleanupConfigOnExit: true" if version.cleans_up_by_default else "",
        "crd_manifest": "" if split else "customResourceDefinition: true",
        "dependencies": "" if split else dependency,
    }
    chart = _tree(sources / "multus", fields)
    socket = "/host/run/cni/dhcp.sock" if version.clears_host_dhcp_socket else "/run/cni/dhcp.sock"
    chart["templates/_version.tpl"] = _named("multus.dhcpSocket", socket)
    if split:
        # The published chart went back to the old format, where dependencies have their own file.
        chart["requirements.yaml"] = dependency
    else:
        crd = _crd(sources, NAD_CRD, keep=version.generation == "crd-keep")
        chart["templates/crd.yaml"] = _guarded(".Values.manifests.customResourceDefinition", crd)
    for path, text in _whereabouts(version, sources).items():
        chart[f"charts/rke2-whereabouts/{path}"] = text
    return {f"rke2-multus/{path}": text for path, text in chart.items()}


def crd_chart(version: ChartVersion, sources: Path = SOURCES) -> Files | None:
    """The `rke2-multus-crd` chart, or None where the main chart still holds the CRDs."""
    if version.crd_version is None:
        return None
    condition = '(index .Values "rke2-whereabouts" | default dict).enabled'
    if version.crd_chart_is_broken:
        condition = 'dig "rke2-whereabouts" "enabled" false .Values'
    chart = {
        "Chart.yaml": (
            "apiVersion: v1\n"
            "name: rke2-multus-crd\n"
            f"version: {version.crd_version}\n"
            "type: application\n"
            "description: Stand-in for the rke2-multus-crd chart, for tests\n"
        ),
        f"templates/{NAD_CRD}.yaml": _crd(sources, NAD_CRD, keep=True),
    }
    for name in WHEREABOUTS_CRDS:
        chart[f"templates/{name}.yaml"] = _guarded(condition, _crd(sources, name, keep=True))
    return {f"rke2-multus-crd/{path}": text for path, text in chart.items()}


def _whereabouts(version: ChartVersion, sources: Path) -> Files:
    fields = {"whereabouts": version.whereabouts, "whereabouts_tag": version.whereabouts_tag}
    chart = _tree(sources / "whereabouts", fields)
    # Before the fix, `source` got the token watcher as an argument instead of starting it.
    install, watch, run = (
        "SLEEP=false source /install-cni.sh",
        "/token-watcher.sh &",
        "/ip-control-loop -log-level debug",
    )
    lines = [install, watch, run] if version.runs_token_watcher else [f"{install}  {watch} {run}"]
    chart["templates/_version.tpl"] = _named("whereabouts.script", "\n".join([*lines, ""]))
    if not version.has_reconciler:
        del chart["templates/reconciler.yaml"]
    if version.generation != "split":
        for name in WHEREABOUTS_CRDS:
            chart[f"crds/{name}.yaml"] = _crd(sources, name, keep=version.keeps_whereabouts_crds)
    return chart


def _tree(root: Path, fields: Mapping[str, str]) -> Files:
    """Every file under `root`; only Chart.yaml and values.yaml have fields to fill in."""
    files: Files = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        text = path.read_text(encoding="utf-8")
        if path.name in ("Chart.yaml", "values.yaml"):
            text = Template(text).substitute(fields)
        files[path.relative_to(root).as_posix()] = text
    return files


def _crd(sources: Path, name: str, *, keep: bool) -> str:
    """The CRD's text, with the annotation that stops Helm from deleting it where asked for."""
    text = (sources / "crds" / f"{name}.yaml").read_text(encoding="utf-8")
    if not keep:
        return text
    if "\n  annotations:\n" in text:
        return text.replace("\n  annotations:\n", f"\n  annotations:\n    {KEEP}\n", 1)
    return text.replace("\nmetadata:\n", f"\nmetadata:\n  annotations:\n    {KEEP}\n", 1)


def _named(name: str, text: str) -> str:
    return f'{{{{- define "{name}" -}}}}{text}{{{{- end }}}}\n'


def _guarded(condition: str, text: str) -> str:
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"
