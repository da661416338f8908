"""The chart: its versions, its Helm values and its images, held to the published charts' facts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from itertools import product
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.args import MultusArgs
from components.chart.values import images
from components.chart.versions import CHART, CRD_CHART, DEFAULT, VERSIONS, Chart, not_newer
from components.cluster import K3s, Rke2
from components.findings import FindingsError
from components.model import read
from components.placement import EVERY_NODE, NodeSelector, Resources, Toleration
from components.schedule import DEFAULT as DEFAULT_SCHEDULE
from components.schedule import Schedule
from testbed.charts import oracle
from testbed.charts.versions import TABLE
from tests.unit.cases import load

ON_K3S: Final = K3s(version="v1.34.2+k3s1", nodes="single")
WB: Final = "rke2-whereabouts"
IPAMS: Final[tuple[Any, ...]] = ("host-local", "dhcp", "whereabouts")
EVERYWHERE: Final = [{"operator": "Exists", "effect": one} for one in ("NoSchedule", "NoExecute")]


def typed(ipam: Any, *additional: Any, cluster: Any = ON_K3S, **inputs: Any) -> MultusArgs:
    return MultusArgs(cluster=cluster, ipam=ipam, additional_ipam=additional, **inputs)


# --- Versions ---


def test_the_newest_is_the_default_and_the_broken_one_is_not_there() -> None:
    assert Chart().version == DEFAULT == [*VERSIONS][-1]
    assert "v4.3.009" not in VERSIONS
    dates = [date.fromisoformat(row.published) for row in VERSIONS.values()]
    assert dates == sorted(dates)
    for row in TABLE:
        if row.version in VERSIONS:
            assert row.crd_version == VERSIONS[row.version].crd_version


@pytest.mark.parametrize(("version", "crd", "reconciler"), load("chart", "what_changed_when"))
def test_what_changed_when(version: str, crd: str | None, *, reconciler: bool) -> None:
    row = VERSIONS[version]
    assert (row.crd_version, row.reconciler_deployment) == (crd, reconciler)


@pytest.mark.parametrize("newest", ["v5.0.003", "v4.12.017", "v0.1.000", DEFAULT])
def test_editors_know_older_versions_by_a_pattern(newest: str) -> None:
    """Also where a number of the newest is zero, or has two digits."""
    pattern = not_newer(newest)
    for major, minor, build in product((0, 3, 4, 5, 6), (0, 1, 3, 10, 11, 12, 13), (0, 3, 17, 18)):
        version = f"v{major}.{minor}.{build:03}"
        older = (major, minor, build) <= tuple(map(int, newest[1:].split(".")))
        assert bool(re.search(pattern, version)) == older, version


def test_packages_are_the_published_ones_or_ones_own() -> None:
    facts = VERSIONS[DEFAULT]
    crds = (CRD_CHART, DEFAULT[1:], facts.crd_sha256)
    assert Chart().packages == [(CHART, DEFAULT, facts.sha256), crds]
    assert [name for name, *_ in Chart(version="v4.2.418").packages] == [CHART]
    own = Chart(sha256="sha256:" + "A" * 64, crd_sha256="b" * 64)
    assert [sha256 for *_, sha256 in own.packages] == ["a" * 64, "b" * 64]
    assert Chart(repository="http://charts.lan/rke2//").repository == "http://charts.lan/rke2"


SCHEDULE: Final = TypeAdapter[Any](Schedule)
READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "refused_versions": lambda value: read(Chart, {"version": value}),
    "refused_charts": lambda value: read(Chart, value),
    "refused_tolerations": lambda value: read(Toleration, value),
    "refused_resources": TypeAdapter[Any](Resources).validate_python,
    "refused_selectors": TypeAdapter[Any](NodeSelector).validate_python,
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
    data = [one["facts"].get("data", {}) for one in oracle.read()["objects"].values()]
    assert {one["cron-expression"] for one in data if "cron-expression" in one} == {
        DEFAULT_SCHEDULE
    }


# --- Helm values: the K3s documentation's values files, put right ---

# Multus renews its token only with auto; what is typed is always said; Multus and its IPAM run on
# every node (sylva#3864); Whereabouts' control loop looks for its settings in no other directory.
ALWAYS: Final[dict[str, Any]] = {
    "config": {"cni_conf": {"multusConfFile": "auto", "namespaceIsolation": True}},
    "tolerations": EVERYWHERE,
}
NO_DHCP: Final = {"manifests": {"dhcpDaemonSet": False}}
PUT_RIGHT: Final = {
    "cniConf": {"confDir": "/etc/cni/net.d"},
    "tolerations": EVERYWHERE,
    "priorityClassName": "system-node-critical",
}
DIFFERENCES: Final[dict[str, dict[str, Any]]] = {
    "host-local": {**ALWAYS, **NO_DHCP, WB: {"enabled": False}},
    "dhcp": {**ALWAYS, WB: {"enabled": False}},
    "whereabouts": {**ALWAYS, **NO_DHCP, WB: PUT_RIGHT},
}


@pytest.mark.parametrize("ipam", IPAMS)
def test_is_the_documentations_page_with_exactly_the_reviewed_differences(ipam: str) -> None:
    page = oracle.values_of(oracle.read(), f"k3s-{ipam}")
    args = typed(ipam)
    assert args.values == oracle.merged(page, DIFFERENCES[ipam])
    assert json.loads(json.dumps(args.values)) == args.values
    assert args.crd_values == {WB: {"enabled": ipam == "whereabouts"}}


def test_settings_reach_every_daemon_that_takes_them() -> None:
    resources: Any = {
        "multus": {"limits": {"memory": "2Gi"}},
        "whereabouts": {"requests": {"cpu": "50m"}},
        "reconciler": {"limits": {"memory": 300 * 2**20}},
    }
    found = typed(
        *("whereabouts", "dhcp"),
        cluster=Rke2(version="v1.34.2+rke2r1", nodes="multi"),
        registry="a.lan",
        image_pull_secrets=("a",),
        tolerations=(Toleration(key="a.b/c", operator="Exists"), Toleration(key="a", value="b")),
        node_selector={"a": "b"},
        resources={**resources, "dynamicNetworksController": {"requests": {}}},
        global_namespaces=("default", "shared"),
        thick_plugin=True,
        dynamic_networks_controller=True,
    ).values
    tolerations = [{"key": "a.b/c", "operator": "Exists"}, {"key": "a", "value": "b"}]
    assert found["tolerations"] == found[WB]["tolerations"] == tolerations
    assert found["labels"]["nodeSelector"] == found[WB]["nodeSelector"] == {"a": "b"}
    assert found["imagePullSecrets"] == found[WB]["imagePullSecrets"] == [{"name": "a"}]
    assert found["global"] == {"systemDefaultRegistry": "a.lan"}
    assert found["pod"] == {"resources": {"enabled": True, "multus": resources["multus"]}}
    assert found[WB]["resources"] == resources["whereabouts"]
    assert found[WB]["reconciler"] == {"resources": resources["reconciler"]}
    shared = {"namespaceIsolation": True, "globalNamespaces": "default,shared"}
    assert found["config"]["daemon_conf"] == shared
    assert found["config"]["cni_conf"].items() >= shared.items()
    assert found["thickPlugin"] == {"enabled": True}
    socket = {"containerd": "/run/k3s/containerd/containerd.sock"}
    assert found["dynamicNetworksController"] == {"enabled": True, "sockets": socket}
    assert typed("dhcp", tolerations=EVERY_NODE).values == typed("dhcp").values
    assert typed("whereabouts", tolerations=()).values["tolerations"] == []


def test_raw_values_are_added_and_a_null_changes_nothing() -> None:
    extra = {"image": {"tag": "x", "pullPolicy": None}, "config": {"cni_conf": {"logFile": "/a"}}}
    found, mine = typed("dhcp", extra_values={**extra, "manifests": None}).values, typed("dhcp")
    conf = {**mine.values["config"]["cni_conf"], "logFile": "/a"}
    added = {"image": {"tag": "x"}, "config": {"cni_conf": conf}}
    assert found == {**mine.values, **added}


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
    found = typed(ipam, chart=Chart(version=version)).images
    assert set(found) == rendered
    assert len(set(found)) == len(found)


def test_images_of_the_thick_plugin_of_a_registry_and_of_ones_own() -> None:
    facts = VERSIONS[DEFAULT]
    rke2 = Rke2(version="v1.34.2+rke2r1", nodes="multi")
    daemons: Any = {"thick_plugin": True, "dynamic_networks_controller": True}
    args = typed("dhcp", "whereabouts", cluster=rke2, registry="a.lan:5000", **daemons)
    published = images(args.values, facts, published=True)
    assert [one.partition(":")[0].removeprefix("rancher/") for one in published] == [
        "hardened-multus-thick",
        "hardened-cni-plugins",
        "hardened-multus-dynamic-networks-controller",
        "mirrored-library-busybox",
        "hardened-whereabouts",
    ]
    assert published[0].endswith(f":{facts.tags['multus']}")
    assert published[2].endswith(f":{facts.tags['dynamicNetworksController']}")
    assert args.images == tuple(f"a.lan:5000/{one}" for one in published)
    own = {"image": {"repository": "team/multus@sha256", "tag": "a" * 64}}
    assert typed("dhcp", extra_values=own).images[0] == f"team/multus@sha256:{'a' * 64}"
