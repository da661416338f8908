"""Each rule finds what it should and lets pass what works; and nothing is a rule without reasons.

The cases stand in YAML beside this file, one file a topic (see addresses.yaml). Those of the live
cluster have objects of a cluster beside them, and tests/unit/test_preflight.py runs them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.findings import PASSED_OVER, SHAPE, UNREADABLE, Finding, Severity, dotted
from components.parse import parse
from components.rules import catalog
from components.rules.registry import UNUSED, meant

FOLDER = Path(__file__).parent
CLUSTER = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
SOURCE = re.compile(
    r"\w\.(go|c|h|rst|py|yaml)\b|#\d|templates of rke2-|on the wire|RFC \d|components/",
    re.IGNORECASE,
)
PROOFS = yaml.safe_load((FOLDER.parent / "wire" / "proofs.yaml").read_text())
PROVEN = {one["rule"] for kind in ("refused", "effects") for one in PROOFS[kind]}
FILES = [file for file in sorted(FOLDER.glob("*.yaml")) if file.stem != "live_cluster"]
CASES: Mapping[str, Any] = {
    name: cases for file in FILES for name, cases in yaml.safe_load(file.read_text()).items()
}
NO_CLUSTER = {name: one for name, one in catalog().items() if not one.needs}
OF_NO_CHECK = {SHAPE, UNREADABLE, UNUSED, PASSED_OVER}


def each(kind: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{index}")
        for name, cases in CASES.items()
        for index, case in enumerate(cases[kind])
    ]


def stack(case: Mapping[str, Any]) -> dict[str, Any]:
    config = case.get("config", case)
    return {"cluster": CLUSTER, "ipam": "whereabouts", **config}


def of_rule(settings: Mapping[str, Any], name: str) -> list[Finding]:
    return [one for one in parse(settings).findings if one.rule == name]


def test_no_rule_is_without_cases_and_no_case_without_its_rule() -> None:
    assert set(CASES) == set(NO_CLUSTER) - OF_NO_CHECK
    assert all(cases["valid"] and cases["invalid"] for cases in CASES.values())


@pytest.mark.parametrize("name", catalog())
def test_no_rule_is_without_evidence(name: str) -> None:
    rule = catalog()[name]
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
    assert rule.summary.endswith(".")
    assert len(rule.evidence) > 20
    if rule.severity is Severity.ERROR:
        assert SOURCE.search(rule.evidence), rule.evidence
        if "on the wire" in rule.evidence.lower() and "tests/wire/" not in rule.evidence:
            assert name in PROVEN


@pytest.mark.parametrize(("name", "case"), each("valid"))
def test_what_works_passes(name: str, case: Mapping[str, Any]) -> None:
    assert [str(one) for one in of_rule(stack(case), name)] == []


@pytest.mark.parametrize(("name", "case"), each("invalid"))
def test_what_does_not_is_found_and_the_user_has_the_last_word(
    name: str, case: Mapping[str, Any]
) -> None:
    settings = stack(case)
    found = of_rule(settings, name)
    assert {one.severity for one in found} == {catalog()[name].severity}
    if "at" in case:
        assert case["at"] in [dotted(one.path) for one in found]
    for one in found:
        assert "\n" not in str(one)
        assert str(one).endswith(f" [{name}]")

    for_all = {**settings, "allow": [name]}
    assert of_rule(for_all, name) == of_rule(for_all, "unused-allow") == []
    for each in (settings, for_all):
        parsed = parse(each)
        assert (parsed.args is None) == (
            Severity.ERROR in {one.severity for one in parsed.findings}
        )
    places = {one.path[:2] for one in found if one.path[0] == "multus:networks"}
    if len(places) != len(found):  # one that is about a setting
        return
    networks = [
        {**one, "allow": [name]} if ("multus:networks", index) in places else one
        for index, one in enumerate(settings["networks"])
    ]
    for_each = {**settings, "networks": networks}
    assert of_rule(for_each, name) == of_rule(for_each, "unused-allow") == []
    for declared in parse(for_each).configuration.networks:
        assert '"allow"' not in declared.network.render()


LAN = {"name": "a", "type": "macvlan", "master": "eth1"}
WARNED = {**LAN, "ipam": {"type": "whereabouts", "range": "10.1.0.7/24"}}


def test_what_is_allowed_in_vain_is_said() -> None:
    names = ["range-overlap", "range-overlp", "other-multus"]
    found = parse(stack({"networks": [{**LAN, "allow": names}]})).findings
    assert [str(one) for one in found] == [
        'warning: multus:networks[0].allow[0] is "range-overlap", but it silences nothing here. '
        "Remove it [unused-allow]",
        'warning: multus:networks[0].allow[1] is "range-overlp", but there is no such rule. '
        'Did you mean "range-overlap"? [unused-allow]',
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cni-plugins-lost", 'Did you mean "plugins-lost-on-upgrade"?'),
        ("rangeoverlap", 'Did you mean "range-overlap"?'),
        ("xyzzy", "multus-k3s rules lists them"),
    ],
)
def test_a_name_that_is_none_leads_to_the_rule(name: str, says: str) -> None:
    assert meant(name) == says


def test_strict_makes_warnings_errors_and_leaves_notes() -> None:
    held = {**LAN, "name": "b", "type": "raw", "config": {"type": "flannel"}}
    del held["master"]
    lax = parse(stack({"networks": [WARNED, held]}))
    strict = parse(stack({"networks": [WARNED, held], "strict": True}))
    assert [one.severity for one in lax.findings] == ["warning", "note"]
    assert [one.severity for one in strict.findings] == ["error", "note"]
    assert lax.args is not None
    assert strict.args is None


def test_what_has_no_shape_cannot_be_allowed() -> None:
    parsed = parse(stack({"networks": [{**LAN, "mtu": 5}], "allow": ["shape"]}))
    assert [one.rule for one in parsed.findings] == ["shape", "unused-allow"]
    assert parsed.args is None


@pytest.mark.parametrize(
    ("config", "lost"),
    [
        ({"type": "macvlan"}, True),
        ({"type": "macvlan", "cniVersion": "0.3.1"}, False),
        ({"plugins": [{"type": "macvlan"}]}, False),  # to which Multus gives its own
    ],
)
def test_text_without_a_version_loses_what_old_ones_did_not_have(
    config: Mapping[str, Any], *, lost: bool
) -> None:
    network: dict[str, Any] = {"name": "a", "type": "raw", "config": {"master": "eth1", **config}}
    assert of_rule(stack({"networks": [network]}), "old-cni-version") == []
    network["config"] = json.dumps(network["config"])
    assert bool(of_rule(stack({"networks": [network]}), "old-cni-version")) == lost


@pytest.mark.parametrize(
    ("version", "first"),
    [("v1.30.2", "v1.30.6"), ("v1.25.9", "v1.28.15"), ("v0.40.0", "v1.31.2")],
)
def test_the_release_that_keeps_plugins_is_of_the_same_minor_version(
    version: str, first: str
) -> None:
    cluster = {**CLUSTER, "version": f"{version}+k3s1"}
    [found] = of_rule(stack({"cluster": cluster}), "plugins-lost-on-upgrade")
    assert f"Upgrade to {first} or later" in str(found)
