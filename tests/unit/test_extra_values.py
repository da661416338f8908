"""Raw Helm values: what the chart and the API server read, and nothing that the program sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.chart.extra_values import MOST_FINDINGS, schema_at, shape
from components.chart.values import ChartInputs, chart_values
from components.cluster import K3s
from components.findings import Finding, FindingsError
from components.model import DEEPEST, read
from components.placement import ContainerResources, NodeSelector, Toleration
from tests.unit.cases import load

PATHS: Final = K3s(version="v1.34.2+k3s1", nodes="multi").paths
DECIDED: Final = chart_values(ChartInputs(PATHS, ("whereabouts",)))


def found(extra: Any) -> list[Finding]:
    return list(shape(extra, DECIDED))


def at(dotted: str, value: Any) -> Any:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return value


@pytest.mark.parametrize(("dotted", "value"), load("extra_values", "taken"))
def test_is_taken(dotted: str, value: Any) -> None:
    assert found(at(dotted, value)) == []


@pytest.mark.parametrize(("dotted", "value", "said"), load("extra_values", "refused"))
def test_is_refused_in_one_line(dotted: str, value: Any, said: str) -> None:
    [finding] = found(at(dotted, value))
    assert finding.sentence.startswith(dotted)
    assert said in finding.sentence
    assert str(value) not in finding.message or not isinstance(value, str) or len(value) < 5


def refused(kind: str, value: Any) -> bool:
    """Whether the program refuses a Kubernetes object, as a raw value or as a setting."""
    try:
        match kind:
            case "tolerations":
                [read(Toleration, one) for one in value]
            case "resources":
                read(ContainerResources, value)
            case "nodeSelector":
                TypeAdapter(NodeSelector).validate_python(value)
            case _:
                return bool(found(at(f"rke2-whereabouts.{kind}", value)))
    except (FindingsError, ValidationError):
        return True
    return False


@pytest.mark.parametrize(("kind", "value", "taken"), load("extra_values", "kubernetes"))
def test_takes_what_the_api_server_takes(kind: str, value: Any, *, taken: bool) -> None:
    """`tests/engine/test_kubernetes_rules.py` asks a real API server the same."""
    assert refused(kind, value) is not taken


def test_a_dotted_key_is_no_path() -> None:
    [finding] = found({"config.cni_conf.logLevel": "x"})
    assert "Write mappings: config: {cni_conf: {logLevel: …}}" in finding.message
    for key in ("foo.bar", "x" * 5000 + ".y", "..."):
        [finding] = found({key: "x"})
        assert "is no value of the chart. Known: " in finding.message
        assert len(finding.message) < 500


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
    ({"image": {"tag": 10**5000}}, "more than 64 bits"),
    ({"image": {"tag": object()}}, "nothing that a stack file can hold"),
    (nested(100_000), f"more than {DEEPEST} levels"),
    ({"image": {"tag": "x" * 10_000_000}}, "more than 1 MiB"),
]


@pytest.mark.parametrize(("extra", "said"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_no_chart_could_take(extra: Any, said: str) -> None:
    [finding] = found(extra)
    assert said in str(finding)
    assert len(str(finding)) < 300
    assert len(str(finding).splitlines()) == 1


def test_many_findings_are_bounded() -> None:
    findings = found({f"{number}{'x' * 1000}": 1 for number in range(1000)})
    assert len(findings) == MOST_FINDINGS + 1
    assert max(len(finding.message) for finding in findings) < 500


def leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def test_the_schema_has_all_that_the_program_sets() -> None:
    whole = chart_values(
        ChartInputs(
            PATHS,
            ("whereabouts", "dhcp"),
            global_namespaces=("a",),
            registry="a.lan",
            pull_secrets=("a",),
            tolerations=(),
            node_selector={"a": "b"},
            thick=True,
            dynamic_networks=True,
        )
    )
    assert [
        path for path in leaves(whole) if "nodeSelector" not in path and not schema_at(*path)
    ] == [("dynamicNetworksController", "sockets", "containerd")]
