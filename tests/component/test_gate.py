"""The gate: what it does with each answer, by setting."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Final

import pulumi
import pytest
from pulumi_command import local

from components.access import Access
from components.gate import PreflightError, inspect
from components.live import COMMAND, script
from components.preflight.live import READS
from tests.component.recorder import run
from tests.unit.test_preflight import arguments, live, node

AWAY: Final = {"unreachable": "the cluster does not answer: EOF"}
FITS: Final = {"found": dict(live().found), "forbidden": []}
WRONG: Final = {"found": dict(live(node(version="v1.0.0", podCIDRs=["10.9.0.0/24"])).found)}
DRIFTS: Final = {"found": dict(live(node(version="v1.34.3+k3s1")).found), "forbidden": []}
BLIND: Final = {"found": dict(live().found), "forbidden": ["helmcharts"]}


class Said:
    """What was logged, and what the command was given."""

    def __init__(self) -> None:
        self.info: list[str] = []
        self.warn: list[str] = []
        self.given: dict[str, Any] = {}
        self.answer: Any = FITS


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    found = Said()

    def local_run(**given: Any) -> Any:
        found.given = given
        if isinstance(found.answer, Exception):
            raise found.answer
        return SimpleNamespace(stdout=json.dumps(found.answer))

    monkeypatch.setattr(local, "run", local_run)
    monkeypatch.setattr(pulumi.log, "info", found.info.append)
    monkeypatch.setattr(pulumi.log, "warn", found.warn.append)
    return found


def test_a_cluster_that_fits_passes_in_silence(said: Said) -> None:
    for setting in ("auto", "required"):
        inspect(arguments(preflight=setting), Access())
    assert (said.info, said.warn) == ([], [])
    assert said.given["command"] == COMMAND
    assert said.given["stdin"] == script("preflight")
    assert set(json.loads(said.given["environment"]["MULTUS_READS"])) == set(READS)


def test_a_bare_off_is_read_as_false_by_readers_of_yaml_1_1() -> None:
    assert arguments(preflight=False).preflight == "off"
    assert arguments().preflight == "auto"


def test_off_asks_nobody(said: Said) -> None:
    said.answer = {**WRONG, "forbidden": []}
    inspect(arguments(preflight="off"), Access())
    assert said.given == {}


@pytest.mark.parametrize("setting", ["auto", "required"])
def test_all_findings_are_one_error(said: Said, setting: str) -> None:
    said.answer = {**WRONG, "forbidden": []}
    with pytest.raises(PreflightError) as caught:
        inspect(arguments(preflight=setting), Access())
    head, *lines = str(caught.value).splitlines()
    assert head == "preflight of the cluster has 2 findings; nothing was changed."
    assert [line[:16] for line in lines] == ["  a (v1.0.0): th", "  pods have addr"]


def test_without_a_cluster(said: Said) -> None:
    said.answer = AWAY
    inspect(arguments(), Access())
    assert said.info == ["preflight left out: the cluster does not answer: EOF"]
    with pytest.raises(PreflightError, match=r"1 finding; .*\n  the cluster does not answer: EOF"):
        inspect(arguments(preflight="required"), Access())


def test_a_command_that_fails_is_no_cluster(said: Said) -> None:
    said.answer = RuntimeError("exit status 127: python3: not found\nsecond line")
    inspect(arguments(), Access())
    assert said.info == [
        "preflight left out: its command failed: exit status 127: python3: not found second line"
    ]


def test_what_works_is_a_warning(said: Said) -> None:
    said.answer = DRIFTS
    inspect(arguments(preflight="required"), Access())
    [warning] = said.warn
    assert warning.startswith("preflight: a with v1.34.3+k3s1")


def test_what_may_not_be_read_is_a_warning_and_where_required_an_end(said: Said) -> None:
    said.answer = BLIND
    inspect(arguments(), Access())
    [warning] = said.warn
    assert "may not read HelmCharts, so this was left out: HelmCharts of Multus" in warning
    with pytest.raises(PreflightError, match=r"1 finding; .*\n  the kubeconfig's user may not"):
        inspect(arguments(preflight="required"), Access())


def test_a_kubeconfig_of_the_stack_stays_a_secret(said: Said) -> None:
    run(lambda: inspect(arguments(), Access(pulumi.Output.secret("apiVersion: v1"), "lab")))
    environment = said.given["environment"]
    assert environment["MULTUS_CONTEXT"] == "lab"
    assert isinstance(environment["MULTUS_KUBECONFIG"], pulumi.Output)
