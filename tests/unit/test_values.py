"""Helm values: the K3s documentation's three values files, put right, and raw values beside them.

`testbed/charts/facts.json` holds that page's files as the cases `k3s-*`. What the program sets
otherwise or besides is listed here with its reason. A difference that is not listed fails, and so
does a listed one that is gone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from components import values as helm
from components.args import MultusArgs
from components.cluster import K3s
from components.values.typed import EVERYWHERE as ANY_NODE
from testbed.charts import oracle

PATHS: Final = K3s(distribution="k3s", version="v1.34.2+k3s1", nodes="single").paths
CONF: Final = "config.cni_conf"
WB: Final = "rke2-whereabouts"

TOKEN: Final = "Multus renews its token only with auto, which the chart's default may leave"
TYPED: Final = "a typed setting, always said, so that the chart's default cannot change it"
EVERYWHERE: Final = (
    "Multus runs on every node; where its IPAM does not, pods have no addresses (sylva#3864)"
)
SETTINGS: Final = "Whereabouts' control loop reads its settings in no other mounted directory"

# By the page's profile: dotted path -> (what the page has, what the program sets, why)
MISSING: Final = "(nothing)"
DIFFERENCES: Final[dict[str, dict[str, tuple[Any, Any, str]]]] = {
    "k3s-host-local": {
        f"{CONF}.multusConfFile": (MISSING, "auto", TOKEN),
        f"{CONF}.namespaceIsolation": (MISSING, True, TYPED),
        "manifests.dhcpDaemonSet": (MISSING, False, TYPED),
        f"{WB}.enabled": (MISSING, False, TYPED),
    },
    "k3s-dhcp": {
        f"{CONF}.multusConfFile": (MISSING, "auto", TOKEN),
        f"{CONF}.namespaceIsolation": (MISSING, True, TYPED),
        f"{WB}.enabled": (MISSING, False, TYPED),
    },
    "k3s-whereabouts": {
        f"{CONF}.multusConfFile": (MISSING, "auto", TOKEN),
        f"{CONF}.namespaceIsolation": (MISSING, True, TYPED),
        "manifests.dhcpDaemonSet": (MISSING, False, TYPED),
        f"{WB}.cniConf.confDir": (PATHS.conf_dir, "/etc/cni/net.d", SETTINGS),
        f"{WB}.tolerations": (MISSING, [dict(one) for one in ANY_NODE], EVERYWHERE),
        f"{WB}.priorityClassName": (MISSING, "system-node-critical", EVERYWHERE),
    },
}


def typed(*ipams: str, isolation: bool = True, shared: tuple[str, ...] = ()) -> helm.Values:
    return helm.typed(
        helm.Choices(PATHS, ipams, namespace_isolation=isolation, global_namespaces=shared)
    )


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, node


@pytest.mark.parametrize("profile", DIFFERENCES)
def test_is_the_documentations_page_with_exactly_the_reviewed_differences(profile: str) -> None:
    page = dict(leaves(oracle.values_of(oracle.read(), profile)))
    mine = dict(leaves(typed(profile.removeprefix("k3s-"))))
    found = {
        path: (page.get(path, MISSING), mine.get(path, MISSING))
        for path in {*page, *mine}
        if page.get(path, MISSING) != mine.get(path, MISSING)
    }
    assert found == {path: (had, has) for path, (had, has, _) in DIFFERENCES[profile].items()}


def test_the_program_sets_all_that_the_page_sets() -> None:
    """No difference takes anything of the page away."""
    for rows in DIFFERENCES.values():
        assert all(has != MISSING and reason for _, has, reason in rows.values())


def test_paths_are_the_clusters() -> None:
    conf = typed("dhcp")["config"]["cni_conf"]
    assert conf["confDir"] == conf["multusAutoconfigDir"] == PATHS.conf_dir
    assert conf["binDir"] == PATHS.bin_dir
    assert conf["kubeconfig"] == PATHS.multus_kubeconfig
    assert typed("whereabouts")[WB]["cniConf"] == {
        "confDir": "/etc/cni/net.d",
        "binDir": PATHS.bin_dir,
    }


@pytest.mark.parametrize("ipam", ["host-local", "dhcp", "whereabouts"])
def test_daemons_follow_from_the_ipam(ipam: str) -> None:
    found = typed(ipam)
    assert found["manifests"]["dhcpDaemonSet"] is (ipam == "dhcp")
    assert found[WB]["enabled"] is (ipam == "whereabouts")
    assert helm.crd_typed((ipam,)) == {WB: {"enabled": ipam == "whereabouts"}}


def test_namespaces() -> None:
    assert "globalNamespaces" not in typed("dhcp")["config"]["cni_conf"]
    conf = typed("dhcp", shared=("default", "shared"))["config"]["cni_conf"]
    assert conf["globalNamespaces"] == "default,shared"
    assert typed("dhcp", isolation=False)["config"]["cni_conf"]["namespaceIsolation"] is False


def test_each_call_gives_values_of_its_own() -> None:
    first = typed("whereabouts")
    first[WB]["tolerations"][0]["effect"] = "changed"
    assert typed("whereabouts")[WB]["tolerations"][0]["effect"] == "NoSchedule"


def test_every_value_is_json_and_every_switch_a_boolean() -> None:
    for ipam in ("host-local", "dhcp", "whereabouts"):
        found = typed(ipam)
        assert json.loads(json.dumps(found)) == found
        assert all(value not in ("true", "false") for _, value in leaves(found))


def at(dotted: str, value: Any) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def test_raw_values_are_added_and_nothing_is_changed_in_place() -> None:
    mine, extra = typed("whereabouts"), at(f"{WB}.resources.limits.memory", "300Mi")
    before = copy.deepcopy((mine, extra))
    assert dict(leaves(helm.merged(mine, extra))) == {**dict(leaves(mine)), **dict(leaves(extra))}
    assert (mine, extra) == before


def test_the_argument_joins_both() -> None:
    args = MultusArgs.model_validate(
        {
            "cluster": {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "single"},
            "ipam": "dhcp",
            "extra_values": {"image": {"tag": "x"}, "manifests": {"configMap": True}},
        }
    )
    assert args.values == {
        **typed("dhcp"),
        "manifests": {"dhcpDaemonSet": True, "configMap": True},
        "image": {"tag": "x"},
    }
    assert args.crd_values == {WB: {"enabled": False}}
