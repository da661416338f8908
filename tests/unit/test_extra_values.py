"""Raw Helm values: what the chart and the API server read, and nothing that the program sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from components.args import MultusArgs
from components.chart.extra_values import shape
from components.cluster import Rke2
from components.findings import Finding, FindingsError
from components.model import read
from components.placement import NodeSelector, Resources, Toleration
from tests.unit.cases import load


def at(dotted: str, value: Any) -> Any:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return value


@pytest.mark.parametrize(("dotted", "value"), load("extra_values", "taken"))
def test_is_taken(dotted: str, value: Any) -> None:
    assert shape(at(dotted, value)) == []


@pytest.mark.parametrize(("dotted", "value", "said"), load("extra_values", "refused"))
def test_is_refused_in_one_line(dotted: str, value: Any, said: str) -> None:
    [finding] = shape(at(dotted, value))
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
                TypeAdapter[Any](Resources).validate_python({"whereabouts": value})
            case "nodeSelector":
                TypeAdapter(NodeSelector).validate_python(value)
            case _:
                return bool(shape(at(f"rke2-whereabouts.{kind}", value)))
    except (FindingsError, ValidationError):
        return True
    return False


@pytest.mark.parametrize(("kind", "value", "taken"), load("extra_values", "kubernetes"))
def test_takes_what_the_api_server_takes(kind: str, value: Any, *, taken: bool) -> None:
    """`tests/engine/test_kubernetes_rules.py` asks a real API server the same."""
    assert refused(kind, value) is not taken


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"image": value}
    return value


KNOWN: Final = "is no value of the chart. Known: "
MALFORMED: Final[list[tuple[Any, str]]] = [
    ({1: "x"}, "has the key 1, which is no name"),
    ({None: "x"}, "has the key null, which is no name"),
    ({"image": {True: "x"}}, "image has the key true, which is no name"),
    ({"a\nb\u2028": "x"}, r'"a\nb\u2028", which is no name'),
    ({"image": {"tag": "a\x07"}}, "U+0007"),
    ({"image": {"tag": "\ud800"}}, "U+D800"),
    ({"image": {"tag": float("nan")}}, "image.tag is no number of at most 64 bits"),
    ({"image": {"tag": 10**5000}}, "image.tag is no number of at most 64 bits"),
    ({"image": {"tag": object()}}, "nothing that a stack file can hold"),
    (nested(100_000), "nested more than"),
    ({"image": {"tag": "x" * 10_000_000}}, "a tag has at most 128 letters"),
    ({"config.cni_conf.logLevel": "x"}, "Write mappings: config: {cni_conf: {logLevel: …}}"),
    *(({key: "x"}, KNOWN) for key in ("foo.bar", "x" * 5000 + ".y", "...")),
]


@pytest.mark.parametrize(("extra", "said"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_no_chart_could_take(extra: Any, said: str) -> None:
    [finding] = shape(extra)
    assert said in str(finding)
    assert len(str(finding)) < 400
    assert len(str(finding).splitlines()) == 1


def leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, values


def test_nothing_that_the_program_sets_can_be_set_beside_it() -> None:
    args = MultusArgs(
        cluster=Rke2(version="v1.34.2+rke2r1", nodes="multi"),
        ipam="whereabouts",
        additional_ipam=("dhcp",),
        global_namespaces=("a",),
        registry="a.lan",
        image_pull_secrets=("a",),
        tolerations=(),
        node_selector={"a": "b"},
        thick_plugin=True,
        dynamic_networks_controller=True,
    )
    found: dict[Any, list[Finding]] = {
        path: shape(at(".".join(path), value)) for path, value in leaves(args.values)
    }
    assert len(found) > 20
    assert [path for path, findings in found.items() if len(findings) != 1] == []
