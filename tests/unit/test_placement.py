"""Tolerations, node selector and resources: refused where no container would see them."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic import ValidationError

from components.chart import Chart
from components.model import FROM_YAML
from components.placement import EVERY_NODE, Resources, Toleration, resource_faults, warnings
from components.values.typed import EVERYWHERE
from tests.stacks.files import parsed

K3S: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
RKE2: Final = {"distribution": "rke2", "version": "v1.34.2+rke2r1", "nodes": "multi"}
WB: Final = "rke2-whereabouts"


def values(ipam: str = "whereabouts", **settings: Any) -> dict[str, Any]:
    args, faults = parsed({"cluster": K3S, "ipam": ipam, **settings})
    assert args is not None, [str(fault) for fault in faults]
    return args.values


def toleration(**fields: Any) -> Toleration:
    return Toleration.model_validate(fields, context=FROM_YAML)


def test_tolerations_reach_every_daemon_that_takes_them() -> None:
    given: list[dict[str, Any]] = [
        {"key": "example.com/edge", "operator": "Exists"},
        {"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 0},
    ]
    found = values(tolerations=given)
    rendered = [given[0], {"operator": "Equal", **given[1]}]
    assert found["tolerations"] == found[WB]["tolerations"] == rendered
    assert values(tolerations=[])["tolerations"] == []
    assert values(tolerations=[])[WB]["tolerations"] == []
    assert values() == values(tolerations=[dict(one) for one in EVERYWHERE])
    assert "tolerations" not in values()  # the chart's own are for every node


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"operator": "Equal"}, "without a key it must be Exists"),
        ({}, "operator is"),
        ({"key": "a", "operator": "Exists", "value": "b"}, "does nothing beside operator Exists"),
        ({"key": "a", "effect": "Never"}, "NoSchedule"),
        ({"key": "a b"}, "a taint's key"),
        ({"key": "a", "value": "b c"}, "a taint's value"),
        ({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}, "beside NoExecute only"),
        ({"key": "a", "effect": "NoExecute", "tolerationSeconds": -1}, "at least 0"),
        ({"key": "a", "operater": "Exists"}, 'Did you mean "operator"?'),
    ],
)
def test_refuses_tolerations(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        toleration(**fields)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "left_out"),
    [
        ([dict(one) for one in EVERYWHERE], ""),
        ([{"operator": "Exists"}], ""),
        ([{"operator": "Exists", "effect": e} for e in ("NoSchedule", "NoExecute")], ""),
        ([], "NoSchedule and NoExecute"),
        ([{"operator": "Exists", "effect": "NoSchedule"}], "effect NoExecute"),
        ([{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}], "NoSchedule and"),
        ([{"key": "a", "operator": "Exists"}], "NoSchedule and NoExecute"),
    ],
)
def test_warns_of_nodes_without_multus(given: list[Any], left_out: str) -> None:
    found = list(warnings([toleration(**one) for one in given], {}))
    assert len(found) == bool(left_out)
    assert all(left_out in one for one in found)


def test_the_node_selector_reaches_every_daemon_that_takes_it() -> None:
    chosen = {"example.com/multus": "yes"}
    found = values(nodeSelector=chosen)
    assert found["labels"] == {"nodeSelector": chosen}
    assert found[WB]["nodeSelector"] == chosen
    [said] = warnings(EVERY_NODE, chosen)
    assert "multus:nodeSelector" in said
    assert list(warnings(EVERY_NODE, {"kubernetes.io/os": "linux"})) == []
    assert "labels" not in values(nodeSelector={})


SMALL: Final = {"requests": {"cpu": "50m"}, "limits": {"memory": "300Mi"}}


def test_resources_are_where_the_chart_reads_them() -> None:
    found = values(resources={"whereabouts": SMALL, "reconciler": {"limits": {"memory": "1Gi"}}})
    assert found[WB]["resources"] == SMALL
    assert found[WB]["reconciler"] == {"resources": {"limits": {"memory": "1Gi"}}}
    assert "pod" not in found
    thick = values(
        cluster=RKE2,
        thickPlugin=True,
        dynamicNetworksController=True,
        resources={"multus": SMALL, "dynamicNetworksController": {"limits": {"cpu": 1}}},
    )
    assert thick["pod"] == {
        "resources": {
            "enabled": True,
            "multus": SMALL,
            "dynamicNetworksController": {"limits": {"cpu": 1}},
        }
    }


def faults(chart: str = "v4.3.017", *ipams: str, **daemons: Any) -> list[str]:
    given = Resources.model_validate(daemons, context=FROM_YAML)
    chosen = Chart(version=chart)
    return [
        str(fault)
        for fault in resource_faults(
            given, chosen, ipams or ("whereabouts",), thick=False, dynamic=False
        )
    ]


@pytest.mark.parametrize(
    ("chart", "ipams", "daemons", "said"),
    [
        ("v4.3.017", (), {"multus": SMALL}, "renders them as null for the thin plugin"),
        ("v4.3.017", (), {"dynamicNetworksController": SMALL}, "is not deployed"),
        ("v4.3.017", ("dhcp",), {"whereabouts": SMALL}, "deploys dhcp, and not Whereabouts"),
        ("v4.2.414", (), {"reconciler": SMALL}, "before v4.2.415 the daemon does the"),
        (
            "v4.3.017",
            (),
            {"whereabouts": {"limits": {"memory": "50Mi"}}},
            "at least the request that the chart sets",
        ),
        (
            "v4.3.017",
            (),
            {"reconciler": {"requests": {"memory": "51Mi"}}},
            "at most the limit that the chart sets",
        ),
    ],
)
def test_refuses_resources(
    chart: str, ipams: tuple[str, ...], daemons: dict[str, Any], said: str
) -> None:
    [fault] = faults(chart, *ipams, **daemons)
    assert said in fault


def test_empty_resources_are_none() -> None:
    assert faults(multus={}, whereabouts={"requests": {}}) == []
    assert values(resources={"whereabouts": {"requests": {}}}) == values()
