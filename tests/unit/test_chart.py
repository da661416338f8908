"""The chart: its versions, its Helm values and its images, held to the published charts' facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.chart.images import images
from components.chart.values import (
    EVERYWHERE,
    ChartInputs,
    Values,
    chart_values,
    crd_chart_values,
    merged,
)
from components.chart.versions import (
    CHART,
    CRD_CHART,
    DEFAULT,
    FIRST_GOOD,
    VERSIONS,
    Chart,
    number_of,
)
from components.cluster import K3s
from components.findings import FindingsError
from components.model import read
from components.placement import EVERY_NODE, NodeSelector, Resources, Toleration
from components.schedule import DEFAULT as DEFAULT_SCHEDULE
from components.schedule import Schedule
from testbed.charts import oracle
from testbed.charts.versions import TABLE
from tests.unit.cases import load

PATHS: Final = K3s(version="v1.34.2+k3s1", nodes="single").paths
WB: Final = "rke2-whereabouts"
IPAMS: Final = ("host-local", "dhcp", "whereabouts")


def typed(*ipams: str, **inputs: Any) -> Values:
    return chart_values(ChartInputs(PATHS, ipams, **inputs))


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, node


# --- Versions ---


def test_every_published_version_from_the_first_good_one_is_known() -> None:
    """Held to the other table of this project, which knows each version by its images."""
    published = {row.version for row in TABLE if row.number >= number_of(FIRST_GOOD)}
    assert set(VERSIONS) == published - {"v4.3.009"}
    assert Chart().version == DEFAULT == [*VERSIONS][-1]
    dates = [date.fromisoformat(row.published) for row in VERSIONS.values()]
    assert dates == sorted(dates)
    for row in TABLE:
        if row.version in VERSIONS:
            assert VERSIONS[row.version].crd_version == row.crd_version


@pytest.mark.parametrize(("version", "crd", "reconciler"), load("chart", "what_changed_when"))
def test_what_changed_when(version: str, crd: str | None, *, reconciler: bool) -> None:
    row = VERSIONS[version]
    assert (row.crd_version, row.reconciler_deployment) == (crd, reconciler)


def test_packages_are_the_published_ones_or_ones_own() -> None:
    main, crds = Chart().packages
    assert (main.chart, main.version, main.sha256) == (CHART, DEFAULT, VERSIONS[DEFAULT].sha256)
    assert (crds.chart, crds.version) == (CRD_CHART, DEFAULT[1:])
    assert crds.sha256 == VERSIONS[DEFAULT].crd_sha256
    assert [one.chart for one in Chart(version="v4.2.418").packages] == [CHART]
    own = Chart(sha256="sha256:" + "A" * 64, crd_sha256="b" * 64)
    assert [one.sha256 for one in own.packages] == ["a" * 64, "b" * 64]
    assert Chart(repository="http://charts.lan/rke2//").repository == "http://charts.lan/rke2"


SELECTOR: Final = TypeAdapter[Any](NodeSelector)
SCHEDULE: Final = TypeAdapter[Any](Schedule)
READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "refused_versions": lambda value: read(Chart, {"version": value}),
    "refused_charts": lambda value: read(Chart, value),
    "refused_tolerations": lambda value: read(Toleration, value),
    "refused_resources": lambda value: read(Resources, value),
    "refused_selectors": SELECTOR.validate_python,
    "refused_schedules": SCHEDULE.validate_python,
}


@pytest.mark.parametrize(
    ("reader", "value", "said"), [(name, *row) for name in READERS for row in load("chart", name)]
)
def test_refuses(reader: str, value: Any, said: str) -> None:
    with pytest.raises((FindingsError, ValidationError)) as caught:
        READERS[reader](value)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", load("chart", "schedules"))
def test_takes_schedules(text: str) -> None:
    assert SCHEDULE.validate_python(f"  {text} ") == text


def test_the_default_schedule_is_the_charts() -> None:
    schedules = {
        entry["facts"]["data"]["cron-expression"]
        for entry in oracle.read()["objects"].values()
        if entry["object"].startswith("ConfigMap ") and "cron-expression" in entry["facts"]["data"]
    }
    assert schedules == {DEFAULT_SCHEDULE}


# --- Helm values: the K3s documentation's values files, put right ---

CONF: Final = "config.cni_conf"
# Multus renews its token only with auto; what is typed is always said; Multus and its IPAM run on
# every node (sylva#3864); Whereabouts' control loop looks for its settings in no other directory.
ALWAYS: Final = {f"{CONF}.multusConfFile": "auto", f"{CONF}.namespaceIsolation": True}
DIFFERENCES: Final[dict[str, dict[str, Any]]] = {
    "host-local": {**ALWAYS, "manifests.dhcpDaemonSet": False, f"{WB}.enabled": False},
    "dhcp": {**ALWAYS, f"{WB}.enabled": False},
    "whereabouts": {
        **ALWAYS,
        "manifests.dhcpDaemonSet": False,
        f"{WB}.cniConf.confDir": "/etc/cni/net.d",
        f"{WB}.tolerations": [dict(one) for one in EVERYWHERE],
        f"{WB}.priorityClassName": "system-node-critical",
    },
}


@pytest.mark.parametrize("ipam", IPAMS)
def test_is_the_documentations_page_with_exactly_the_reviewed_differences(ipam: str) -> None:
    page = dict(leaves(oracle.values_of(oracle.read(), f"k3s-{ipam}")))
    mine = typed(ipam)
    assert dict(leaves(mine)) == {**page, **DIFFERENCES[ipam]}
    assert json.loads(json.dumps(mine)) == mine
    assert crd_chart_values((ipam,)) == {WB: {"enabled": ipam == "whereabouts"}}


def test_settings_reach_every_daemon_that_takes_them() -> None:
    given = [{"key": "example.com/edge", "operator": "Exists"}, {"key": "a", "value": "b"}]
    tolerations = [read(Toleration, one).render() for one in given]
    assert tolerations == [given[0], {"operator": "Equal", **given[1]}]
    resources: Any = {
        "multus": {"limits": {"memory": "2Gi"}},
        "whereabouts": {"requests": {"cpu": "50m"}},
        "reconciler": {"limits": {"memory": 300}},
        "dynamicNetworksController": {"requests": {}},
    }
    found = typed(
        *("whereabouts", "dhcp"),
        registry="a.lan",
        pull_secrets=("a",),
        tolerations=tolerations,
        node_selector={"a": "b"},
        resources=read(Resources, resources).render(),
        global_namespaces=("default", "shared"),
        namespace_isolation=False,
        thick=True,
        dynamic_networks=True,
        containerd_socket="/run/s",
    )
    shared = {"namespaceIsolation": False, "globalNamespaces": "default,shared"}
    assert found["tolerations"] == found[WB]["tolerations"] == tolerations
    assert found["labels"]["nodeSelector"] == found[WB]["nodeSelector"] == {"a": "b"}
    assert found["imagePullSecrets"] == found[WB]["imagePullSecrets"] == [{"name": "a"}]
    assert found["global"] == {"systemDefaultRegistry": "a.lan"}
    assert found["pod"] == {"resources": {"enabled": True, "multus": resources["multus"]}}
    assert found[WB]["resources"] == resources["whereabouts"]
    assert found[WB]["reconciler"] == {"resources": resources["reconciler"]}
    assert found["config"]["daemon_conf"] == shared
    assert found["config"]["cni_conf"].items() >= shared.items()
    assert found["thickPlugin"] == {"enabled": True}
    socket = {"enabled": True, "sockets": {"containerd": "/run/s"}}
    assert found["dynamicNetworksController"] == socket
    assert typed("dhcp", tolerations=[one.render() for one in EVERY_NODE]) == typed("dhcp")
    assert typed("whereabouts", tolerations=())["tolerations"] == []


def test_raw_values_are_added_and_nothing_is_shared() -> None:
    mine: Values = {"a": {"b": [1], "c": 2}}
    extra: Values = {"a": {"d": {"e": [3]}}, "f": {}}
    found = merged(mine, extra)
    assert found == {"a": {"b": [1], "c": 2, "d": {"e": [3]}}, "f": {}}
    found["a"]["d"]["e"].append(4)
    found["a"]["b"].append(4)
    assert (mine["a"]["b"], extra["a"]["d"]["e"]) == ([1], [3])


# --- Images ---


@pytest.mark.parametrize("ipam", IPAMS)
@pytest.mark.parametrize("version", VERSIONS)
def test_images_are_exactly_what_the_chart_renders(ipam: str, version: str) -> None:
    [case] = [one for one in oracle.cases() if (one.name, one.version) == (f"k3s-{ipam}", version)]
    tags = oracle.tags(version)
    rendered = {
        f"{container['image']}:{tags[container['image']]}"
        for facts in case.objects.values()
        for kind in ("initContainers", "containers")
        for container in facts.get(kind, {}).values()
    }
    found = images(typed(ipam), VERSIONS[version])
    assert set(found) == rendered
    assert len(set(found)) == len(found)


def test_images_of_the_thick_plugin_of_a_registry_and_of_ones_own() -> None:
    facts = VERSIONS["v4.3.017"]
    values = typed("dhcp", "whereabouts", thick=True, dynamic_networks=True, registry="a.lan:5000")
    published = images(values, facts, published=True)
    assert [one.partition(":")[0].removeprefix("rancher/") for one in published] == [
        "hardened-multus-thick",
        "hardened-cni-plugins",
        "hardened-multus-dynamic-networks-controller",
        "mirrored-library-busybox",
        "hardened-whereabouts",
    ]
    assert published[0].endswith(f":{facts.tags['multus']}")
    assert published[2].endswith(f":{facts.tags['dynamicNetworksController']}")
    assert images(values, facts) == tuple(f"a.lan:5000/{one}" for one in published)
    own = {"image": {"repository": "team/multus@sha256", "tag": "a" * 64}}
    assert images(merged(typed("dhcp"), own), facts)[0] == f"team/multus@sha256:{'a' * 64}"
