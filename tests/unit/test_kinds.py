"""Kinds of networks, their chained plugins and IPAM: what is rendered, and the same read as raw.

The cases in cases/kinds.yaml say what each plugin reads. Reading that back gives the same model
again, so whatever holds for a typed network holds for the same one that is pasted as raw.
"""

from __future__ import annotations

import json
from collections import defaultdict
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.ipam import IPAMS
from components.model import Model, read
from components.networks import KINDS, Network, Raw, TypedNetwork
from components.networks.chained import CHAINED

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parent / "cases"
CASES: Final[dict[str, Json]] = yaml.safe_load((FOLDER / "kinds.yaml").read_text())
RAW: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "raw.yaml").read_text())


def network(fields: Json) -> Network:
    body = {"name": "lan", "type": "macvlan", **fields}
    return read(KINDS[body["type"]], body)


def raw(config: Any, **others: Any) -> Raw:
    return read(Raw, {"name": "lan", "type": "raw", "config": config, **others})


def same(one: Network, config: str) -> Raw:
    """The configuration as raw, with the fields that stand beside it."""
    notes = {**one.annotations, **one.own_annotations}
    beside = {"namespace": one.namespace, "labels": one.labels, "annotations": notes}
    return raw(config, **beside, nodes=one.nodes, allow=list(one.allow))


def told(one: TypedNetwork | None) -> Json:
    """What a network says, without its addresses, which a plugin may be told in other words."""
    assert one is not None
    return {key: value for key, value in one.model_dump(exclude={"ipam"}).items() if value != {}}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_renders_what_its_plugins_read(case: Json) -> None:
    one = network(case["network"])
    head = {"cniVersion": "1.0.0", "name": f"{one.namespace}.lan"}
    assert json.loads(one.render()) == {**head, **case["cni"]}
    ipam = getattr(one, "ipam", None)
    assert getattr(ipam, "capacity", None) == case.get("capacity")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_is_the_same_model_when_it_is_read_as_raw(case: Json) -> None:
    one = network(case["network"])
    text = one.render()
    again = same(one, text)
    assert json.loads(again.render()) == json.loads(text)
    assert again.plugins[0] == one.plugins[0]
    assert {*again.plugins} == {*one.plugins}
    if not isinstance(one, TypedNetwork):
        return
    assert (again.reading.unread, again.reading.unknown, again.reading.invalid) == ([], [], [])
    assert told(again.typed) == told(one)
    assert again.typed is not None
    assert again.typed.render() == text
    mine, theirs = one.ipam, again.typed.ipam
    if mine is not None:
        assert theirs is not None
        assert [pool.addresses for pool in theirs.pools] == [pool.addresses for pool in mine.pools]
        assert theirs.gateways == mine.gateways


def upper(node: Any) -> Any:
    """With every key in other letters, except those that a plugin takes as they are."""
    if isinstance(node, dict):
        exact = ("plugins", "type", "ipam", "capabilities", "cniVersion", "name", "disableCheck")
        return {
            key if key in exact or key.startswith("net.") else key.upper(): value
            if key == "capabilities"
            else upper(value)
            for key, value in node.items()
        }
    return [upper(one) for one in node] if isinstance(node, list) else node


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_keys_are_read_in_any_letters_as_the_plugins_do(case: Json) -> None:
    one = network(case["network"])
    if isinstance(one, TypedNetwork):
        found = same(one, json.dumps(upper(json.loads(one.render()))))
        assert found.reading.unread == []
        assert told(found.typed) == told(one)
        assert found.typed is not None
        assert found.typed.render() == one.render()


def test_every_field_of_every_model_has_a_case() -> None:
    seen: defaultdict[type[Model], set[str]] = defaultdict(set)
    for kind in (*KINDS.values(), *IPAMS.values(), *CHAINED.values()):
        assert seen[kind] == set()
    beside: set[str] = set()
    for case in CASES.values():
        for _, model in network(case["network"]).walk():
            seen[type(model)] |= model.model_fields_set
            beside |= model.model_fields_set if isinstance(model, Network) else set()
    shared = {*TypedNetwork.model_fields} & beside
    lacking = {
        f"{kind.__name__}.{name}"
        for kind, names in seen.items()
        for name in kind.model_fields
        if name not in names and not (issubclass(kind, Network) and name in shared)
    }
    assert lacking == set()


@pytest.mark.parametrize("case", RAW["read"].values(), ids=RAW["read"])
def test_raw_is_read_as_its_plugins_read_it(case: Json) -> None:
    """`typed` is what is understood, by our names; the rest is what nobody read or looked at."""
    found = raw(case["config"], annotations=case.get("annotations", {}))
    reading = found.reading
    assert [key for _, key, _, _ in reading.unread] == case.get("unread", [])
    assert reading.unknown == case.get("unknown", [])
    assert [f"{one.path[-1]}: {one.message}" for one in reading.invalid] == case.get("invalid", [])
    if "typed" in case:
        assert found.typed is not None
        dumped = found.typed.model_dump(mode="json", by_alias=False)
        assert {key: dumped.get(key) for key in case["typed"]} == case["typed"]
    for path, value in case.get("attributes", {}).items():
        assert attrgetter(path)(found.typed) == value


@pytest.mark.parametrize("written", [RAW["own name"], json.dumps(RAW["own name"])])
def test_the_owners_version_and_name_are_kept(written: Any) -> None:
    found = raw(written)
    assert found.cni_name == "mine"
    assert json.loads(found.render()) == RAW["own name"]


def test_a_rendered_network_is_readable_in_a_diff_and_stable() -> None:
    one = network(CASES["whereabouts excludes its gateway"]["network"] | {"namespace": "data"})
    assert one.render().splitlines() == RAW["text"].splitlines()


def test_no_two_networks_share_a_cni_name() -> None:
    """host-local keeps its state under it."""
    pairs = [("a", "b-c"), ("a-b", "c"), ("default", "lan"), ("lan", "default")]
    names = {network({"namespace": space, "name": name}).cni_name for space, name in pairs}
    assert len(names) == len(pairs)
