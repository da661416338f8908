"""Preflight in the component: what becomes of each answer, by setting."""

from __future__ import annotations

import json
from typing import Any, Final

import pulumi
import pytest

from components import preflight
from components.cluster_tasks import COMMAND, script
from components.cluster_tasks.survey import kept
from components.rules.live_objects import LATER, READS
from tests.component.programs import arguments, program
from tests.component.recorder import AWAY, Record, run

NODE: Final = {
    "metadata": {"name": "a", "labels": {"kubernetes.io/os": "linux"}},
    "spec": {"podCIDRs": ["10.42.0.0/24"]},
    "status": {
        "nodeInfo": {"kubeletVersion": "v1.34.2+k3s1"},
        "addresses": [{"type": "InternalIP", "address": "172.20.0.1"}],
    },
}


def answer(*forbidden: str, version: str = "v1.34.2+k3s1", nodes: int = 2) -> dict[str, Any]:
    """A cluster that fits, with changes."""
    info = {**NODE["status"], "nodeInfo": {"kubeletVersion": version}}  # type: ignore[dict-item]
    items = [
        {**NODE, "metadata": {"name": f"n{n}", "labels": {}}, "status": info} for n in range(nodes)
    ]
    found: dict[str, Any] = dict.fromkeys(json.loads(preflight.reads()))
    found["nodes"] = {"items": items}
    found["namespaces"] = {"items": [{"metadata": {"name": n}} for n in ("default", "data")]}
    return {
        "found": {
            name: value and kept(value, READS[name].keep)
            for name, value in found.items()
            if name not in forbidden
        },
        "forbidden": list(forbidden),
    }


FITS: Final = answer()
WRONG: Final = answer(version="v1.0.0")
DRIFTS: Final = answer(version="v1.34.3+k3s1")
BLIND: Final = answer("helmcharts")
BROKEN: Final = "exit status 127: python3: not found\nsecond line"

# answer, setting -> level and beginning of each thing said; "error" ends the run
CASES: Final[list[tuple[Any, str, list[tuple[str, str]]]]] = [
    (FITS, "auto", []),
    (FITS, "required", []),
    (AWAY, "auto", [("info", "preflight left out: the cluster does not answer: EOF")]),
    (AWAY, "required", [("error", "preflight is required, but the cluster does not answer: EOF")]),
    (BROKEN, "auto", [("info", "preflight left out: its command failed: ")]),
    (WRONG, "auto", [("error", "nothing was changed, because preflight has 1 error:\n")]),
    (WRONG, "required", [("error", "nothing was changed, because preflight has 1 error:\n")]),
    (WRONG, "off", []),
    (DRIFTS, "required", [("warn", "multus:cluster.version is ")]),
    (BLIND, "auto", [("warn", "the kubeconfig's user may not read HelmCharts")]),
    (BLIND, "required", [("error", "nothing was changed, because preflight has 1 error:\n")]),
]


@pytest.mark.parametrize(("survey", "setting", "expected"), CASES)
def test_each_answer_by_setting(survey: Any, setting: str, expected: list[tuple[str, str]]) -> None:
    record = Record(survey=survey)
    try:
        run(program(arguments(preflight=setting)), record=record)
    except pulumi.RunError as error:
        record.said.append(("error", str(error)))
        assert [one.name for one in record.resources] == ["multus-commands"]
    assert [level for level, _ in record.said] == [level for level, _ in expected]
    for (_, text), (_, beginning) in zip(record.said, expected, strict=True):
        assert text.startswith(beginning)
    assert len(record.asked) == (setting != "off")


def test_rules_of_the_cluster_can_be_allowed_and_made_errors() -> None:
    record = run(program(arguments()), record=Record(survey=DRIFTS))
    [(_, text)] = record.said
    rule = text.rpartition("[")[2].rstrip("]")
    assert run(program(arguments(allow=[rule])), record=Record(survey=DRIFTS)).said == []
    with pytest.raises(pulumi.RunError, match=f"has 1 error:\n  error: .*{rule}"):
        run(program(arguments(strict=True)), record=Record(survey=DRIFTS))


def test_the_survey_is_the_task_on_standard_input() -> None:
    [asked] = run(program(), record=Record(survey=FITS)).asked
    assert (asked["command"], asked["stdin"]) == (COMMAND, script("survey"))
    assert json.loads(asked["environment"]["MULTUS_READS"]).keys() == READS.keys() - LATER
