"""The list of images: what the published charts name, for the same values."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.chart import VERSIONS
from components.images import images
from testbed.charts import oracle
from tests.stacks.files import parsed
from tests.unit.test_values import typed

PROFILES: Final = ("host-local", "dhcp", "whereabouts")


def rendered(profile: str, version: str) -> set[str]:
    """Every image of what the published chart renders, by the recorded facts."""
    [case] = [
        case for case in oracle.cases() if (case.name, case.version) == (f"k3s-{profile}", version)
    ]
    tags = oracle.tags(version)
    return {
        f"{container['image']}:{tags[container['image']]}"
        for facts in case.objects.values()
        for kind in ("initContainers", "containers")
        for container in facts.get(kind, {}).values()
    }


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("version", VERSIONS)
def test_is_exactly_what_the_chart_renders(profile: str, version: str) -> None:
    found = images(typed(profile), VERSIONS[version])
    assert set(found) == rendered(profile, version)
    assert len(set(found)) == len(found)


def stack(**settings: Any) -> tuple[str, ...]:
    cluster = {"distribution": "rke2", "version": "v1.34.2+rke2r1", "nodes": "multi"}
    args, faults = parsed({"cluster": cluster, "ipam": "dhcp", **settings})
    assert args is not None, [str(fault) for fault in faults]
    return args.images


def test_several_ipams_and_the_thick_plugin() -> None:
    found = stack(additionalIpam=["whereabouts"], thickPlugin=True, dynamicNetworksController=True)
    assert [one.partition(":")[0].removeprefix("rancher/") for one in found] == [
        "hardened-multus-thick",
        "hardened-cni-plugins",
        "hardened-multus-dynamic-networks-controller",
        "mirrored-library-busybox",
        "hardened-whereabouts",
    ]
    tags = VERSIONS["v4.3.017"].tags
    assert found[0].endswith(f":{tags['multus']}")
    assert found[2].endswith(f":{tags['dynamicNetworksController']}")


def test_a_registry_stands_in_front() -> None:
    plain, mirrored = stack(), stack(registry="mirror.lan:5000/proxy")
    assert mirrored == tuple(f"mirror.lan:5000/proxy/{one}" for one in plain)
    values = {"global": {"systemDefaultRegistry": "mirror.lan"}}
    assert images(values, VERSIONS["v4.3.017"], published=True) == images({}, VERSIONS["v4.3.017"])


def test_raw_values_choose_another_image() -> None:
    own = {"repository": "team/multus@sha256", "tag": "a" * 64}
    [first, *_] = stack(extraValues={"image": own}, registry="mirror.lan")
    assert first == f"mirror.lan/team/multus@sha256:{'a' * 64}"


def test_every_version_has_all_tags() -> None:
    for row in VERSIONS.values():
        assert set(row.tags) == {
            "multus",
            "cniPlugins",
            "whereabouts",
            "dynamicNetworksController",
        }
