"""Raw Helm values: what works on the real chart is taken, what does not is refused in one line."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from components import values as helm
from components.chart import VERSIONS
from components.check import check
from components.faults import Fault
from components.model import DEEPEST
from components.values import raw as raw_values
from components.values.kinds import KINDS
from components.values.rules import IDLE, TYPED
from tests.stacks.files import parsed
from tests.unit.test_values import at, typed

CONF: Final = "config.cni_conf"
WB: Final = "rke2-whereabouts"
REC: Final = f"{WB}.reconciler"


def found(extra: Any, ipam: str = "whereabouts", **stack: Any) -> list[Fault]:
    return list(raw_values.faults(extra, typed(ipam), raw_values.Stack(ipams=(ipam,), **stack)))


SOUND: Final[list[tuple[str, Any]]] = [
    ("image.tag", "v4.3.0"),
    ("image.tag", "4.3@sha256:" + "a" * 64),
    ("image", {"repository": "mirror.lan:5000/multus@sha256", "tag": "a" * 64}),
    ("image.pullPolicy", "Always"),
    ("serviceAccount.name", "multus-thin"),
    (f"{CONF}.logLevel", "Debug"),
    (f"{CONF}.renameConfFile", False),
    (f"{CONF}.overrideNetworkName", True),
    (f"{CONF}.skipConfigWatch", False),
    (f"{CONF}.masterCniFilename", "10-flannel.conflist"),
    (f"{CONF}.readinessIndicatorFile", "/run/flannel/subnet.env"),
    ("manifests.daemonSet", True),
    ("cniplugins.skipcnis", "flannel,vlan"),
    (f"{WB}.podAnnotations", {"example.com/note": "two\nlines"}),
    (f"{WB}.affinity.nodeAffinity", {}),
    (f"{WB}.securityContext", {"privileged": False, "allowPrivilegeEscalation": False}),
    (f"{WB}.securityContext.seLinuxOptions", {"type": "spc_t"}),
    (f"{REC}.logLevel", "debug"),
    ("serviceAccount.name", "1-a"),
]


@pytest.mark.parametrize(("dotted", "value"), SOUND)
def test_is_taken(dotted: str, value: Any) -> None:
    assert found(at(dotted, value)) == []


FORMS: Final[list[Any]] = [True, False, "x", [], {}, {"enabled": True}]
UNSOUND: Final[list[tuple[str, Any, str]]] = [
    ("imge", {"tag": "x"}, 'Did you mean "image"?'),
    ("image.reposytory", "x", 'Did you mean "repository"?'),
    (f"{CONF}.namespaceIsolaton", True, 'Did you mean "namespaceIsolation"?'),
    ("global.cattle", {}, "systemDefaultRegistry"),
    ("config", None, "the program sets config itself"),
    (CONF, [], "it follows from multus:cluster"),
    (f"{CONF}.confDir", "/etc/cni/net.d", "follows from multus:cluster"),
    (f"{CONF}.namespaceIsolation", False, "use multus:namespaceIso"),
    ("manifests.dhcpDaemonSet", True, "it follows from multus:ipam"),
    (f"{WB}.enabled", False, "it follows from multus:ipam"),
    ("manifests.daemonSet", None, "Leave it out"),
    (f"{CONF}.logToStderr", False, "Leave it out"),
    (f"{CONF}.cniVersion", "1.0.0", "Leave it out"),
    (f"{CONF}.overrideNetworkName", "true", "without quotes"),
    (f"{CONF}.renameConfFile", True, "when it starts again"),
    (f"{CONF}.skipMultusBinaryCopy", True, "no Multus of their own"),
    (f"{CONF}.logLevel", "info", "one of debug, verbose, error, panic"),
    (f"{CONF}.logFile", "multus.log", "absolute path"),
    (f"{CONF}.logFile", '/a"b', "quotes"),
    (f"{CONF}.masterCniFilename", "00-multus.conf", "not Multus's own"),
    (f"{CONF}.daemon_conf", {}, "is no value"),
    ("config.daemon_conf", {}, "only the thick plugin"),
    ("thickPlugin.image", {}, "only the thick plugin"),
    ("affinity", {}, "no template"),
    ("image", None, "null changes nothing"),
    ("image.tag", None, "null changes nothing"),
    ("image.tag", 4.2, "Write it in quotes"),
    ("image.tag", True, "Write it in quotes"),
    ("image.tag", "v1+2", "a tag has"),
    ("image.repository", "rancher/multus:v1", "The tag has a value of its own"),
    ("image.repository", "https://a/b", "without https://"),
    ("image.repository", "a/b@sha256", "64 digits"),
    ("image.pullPolicy", "always", 'Did you mean "Always"?'),
    ("image", "x", "a mapping"),
    *(
        (dotted, value, f"it has a setting of its own. Use {key}")
        for dotted, key in TYPED.items()
        for value in FORMS
        if dotted != f"{WB}.tolerations"
    ),
    (f"{WB}.tolerations", [], "use multus:tolerations"),
    ("serviceAccount.name", "default", "Choose another"),
    ("serviceAccount.name", "whereabouts", "Choose another"),
    ("serviceAccount.name", "yes", "without quotes"),
    ("serviceAccount.name", "2024-13-45", "without quotes"),
    ("serviceAccount.name", "1e3", "without quotes"),
    ("cniplugins.skipcnis", "flannel, vlan", "without spaces"),
    ("cniplugins.skipcnis", "vlan", 'Write "flannel" in front'),
    (f"{WB}.updateStrategy", "OnDelete", "the wait"),
    (f"{WB}.serviceAccount.create", False, "rights"),
    (f"{WB}.global", {"systemDefaultRegistry": "x"}, "Use multus:registry"),
    (f"{WB}.nodeSliceController.enabled", True, "refused"),
    (f"{WB}.nodeSliceController", True, "a mapping"),
    (f"{WB}.securityContext.runAsUser", 1000, "as root"),
    (f"{WB}.securityContext.priviledged", True, 'Did you mean "privileged"?'),
    (f"{WB}.affinity.nodeAfinity", {}, 'Did you mean "nodeAffinity"?'),
    (f"{REC}.logLevel", "on", "must be one of"),
]


@pytest.mark.parametrize(("dotted", "value", "said"), UNSOUND)
def test_is_refused(dotted: str, value: Any, said: str) -> None:
    inside = dotted.partition("[")[0]
    if isinstance(value, dict) and list(value) == ["a"]:
        inside = inside.rpartition(".")[0]
    [fault] = found(at(inside, value))
    assert str(fault).startswith(dotted)
    assert said in str(fault)
    assert "\n" not in str(fault)


def test_a_value_equal_to_the_typed_one_is_refused_too() -> None:
    """It would be a second place to keep right, and hide a later change of the first."""
    [fault] = found(at(f"{CONF}.binDir", typed("dhcp")["config"]["cni_conf"]["binDir"]))
    assert "Remove it; it follows from multus:cluster" in fault.rule


def test_a_registry_is_named_once() -> None:
    extra = {"image": {"repository": "a.lan:5000/rancher/multus"}}
    assert found(extra) == []
    [fault] = found(extra, registry="a.lan:5000")
    assert "Leave the registry out here" in fault.rule
    extra["image"]["repository"] = "docker.io/rancher/multus"  # a proxy's path
    assert found(extra, registry="a.lan:5000") == []


THICK: Final[dict[str, Any]] = {"thick": True, "dynamic": True}
THIN: Final[dict[str, Any]] = {}


@pytest.mark.parametrize(
    ("dotted", "thin", "thick"),
    [
        ("thickPlugin.image.tag", "only the thick plugin reads it (multus:thickPlugin)", None),
        ("image.tag", None, "Use thickPlugin.image"),
        (f"{CONF}.logFile", None, "the thick plugin does not read it"),
        ("config.daemon_conf.logLevel", "only the thick plugin reads it", "is the program's"),
        ("dynamicNetworksController.image.tag", "without multus:dynamicNetworksContr", None),
    ],
)
def test_what_one_plugin_reads_and_the_other_does_not(
    dotted: str, thin: str | None, thick: str | None
) -> None:
    for stack, said in ((THIN, thin), (THICK, thick)):
        value = "/a" if dotted.endswith("File") else "a"
        said_faults = [str(fault) for fault in found(at(dotted, value), **stack)]
        assert len(said_faults) == (said is not None)
        assert all(str(said) in one for one in said_faults)


def test_several_ipams() -> None:
    extra = {"dhcpDaemonSet": {"image": {"tag": "x"}}, WB: {"podAnnotations": {"a": "b"}}}
    both = raw_values.Stack(ipams=("whereabouts", "dhcp"))
    assert list(raw_values.faults(extra, typed("whereabouts", "dhcp"), both)) == []
    neither = raw_values.Stack(ipams=("host-local",))
    lacking = list(raw_values.faults(extra, {}, neither))
    assert [fault.path[0] for fault in lacking] == ["dhcpDaemonSet", WB]
    one = raw_values.Stack(ipams=("dhcp", "host-local"))
    [fault] = raw_values.faults({WB: extra[WB]}, {}, one)
    assert "the stack deploys dhcp and host-local, so Whereabouts is not deployed" in fault.rule


@pytest.mark.parametrize("key", ["config.cni_conf.logLevel", "image.tag"])
def test_a_dotted_key_is_no_path(key: str) -> None:
    [fault] = found({key: "x"})
    assert fault.path == (key,)
    assert str(fault).startswith(f'["{key}"] ')
    assert f"{': {'.join(key.split('.'))}: …" in fault.rule


@pytest.mark.parametrize("key", ["foo.bar", "x" * 5000 + ".y", "..."])
def test_a_key_with_dots_that_leads_nowhere_is_only_unknown(key: str) -> None:
    [fault] = found({key: "x"})
    assert "is no value of the chart. Known: " in str(fault)
    assert len(str(fault)) < 500


@pytest.mark.parametrize(
    ("key", "ipam", "said"),
    [
        (WB, "dhcp", "multus:ipam is dhcp, so Whereabouts is not deployed"),
        ("dhcpDaemonSet", "whereabouts", "so the DHCP daemon is not deployed"),
    ],
)
def test_values_of_a_daemon_that_is_not_deployed(key: str, ipam: str, said: str) -> None:
    extra = {key: {"image": {"tag": "x"}}}
    [fault] = found(extra, ipam)
    assert said in fault.rule
    assert found(extra, "dhcp" if ipam == "whereabouts" else "whereabouts") == []


@pytest.mark.parametrize(
    ("dotted", "value", "good", "bad"),
    [
        ("manifests.customResourceDefinition", True, "v4.3.008", "v4.3.010"),
        (f"{REC}.logLevel", "debug", "v4.2.415", "v4.2.414"),
    ],
)
def test_what_the_charts_version_reads(dotted: str, value: Any, good: str, bad: str) -> None:
    assert found(at(dotted, value), version=good) == []
    [fault] = found(at(dotted, value), version=bad)
    assert "does nothing" in fault.rule or "is no value" in fault.rule


def test_plugins_that_the_networks_need() -> None:
    network = {"name": "lan", "type": "macvlan", "master": "eth1", "ipam": {"type": "dhcp"}}
    config = {
        "cluster": {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"},
        "ipam": "dhcp",
        "networks": [network],
        "extraValues": at("cniplugins.skipcnis", "flannel,macvlan,vlan,dhcp"),
    }
    args, faults = parsed({f"multus:{key}": value for key, value in config.items()})
    assert args is None
    assert [fault.rule.split(",")[0] for fault in faults] == [
        "the stack's networks need dhcp",
        "the stack's networks need macvlan",
    ]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"image": value}
    return value


MALFORMED: Final[list[tuple[Any, str]]] = [
    ({1: "x"}, "has the key 1, which is no text"),
    ({None: "x"}, "has the key null, which is no text"),
    ({"image": {True: "x"}}, "image has the key true, which is no text"),
    ({"a\nb\u2028": "x"}, r'"a\nb\u2028", which is no name'),
    ({"image": {"tag": "a\x07"}}, "U+0007"),
    ({"image": {"tag": "\ud800"}}, "U+D800"),
    ({"image": {"tag": float("nan")}}, "image.tag is no finite number"),
    ({"image": {"tag": float("inf")}}, "image.tag is no finite number"),
    ({"image": {"tag": 10**5000}}, "more than 64 bits"),
    ({"image": {"tag": object()}}, "nothing that a stack file can hold"),
    (nested(900), f"more than {DEEPEST} levels"),
    (nested(100_000), f"more than {DEEPEST} levels"),
    ({"image": {"tag": "x" * 10_000_000}}, "more than 1 MiB"),
]


@pytest.mark.parametrize(("extra", "said"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_no_chart_could_take(extra: Any, said: str) -> None:
    [fault] = check({"extra_values": extra})
    assert said in str(fault)
    assert len(str(fault)) < 300
    assert len(str(fault).splitlines()) == 1


def test_many_faults_and_long_keys_are_bounded() -> None:
    faults = found({f"{number}{'x' * 1000}": 1 for number in range(1000)})
    assert len(faults) == raw_values.MOST_FAULTS + 1
    assert "more faults" in str(faults[-1])
    assert max(len(str(fault)) for fault in faults) < 500


def test_the_table_names_kinds_and_versions_and_all_that_is_typed() -> None:
    assert {known.kind for known in raw_values.KNOWN.values()} == set(KINDS)
    assert {known.since for known in raw_values.KNOWN.values()} <= set(VERSIONS)
    tops = {dotted.partition(".")[0] for dotted in (*raw_values.KNOWN, *IDLE)}
    assert tops == set(helm.TOP_LEVEL)
    conf = typed("dhcp", shared=("a",))
    assert {f"{CONF}.{key}" for key in conf["config"]["cni_conf"]} <= set(raw_values.KNOWN)
    assert json.dumps(conf)
