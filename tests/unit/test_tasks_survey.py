"""The survey: what is asked of the cluster, and what of the answers is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from components.cluster_tasks import script
from tests.unit.tasks import executable, run

REQUEST: Final = "--request-timeout=5s get --raw /x"
# What kubectl does with the one read -> the answer, which keeps a.b and each e.f alone.
ANSWERS: Final[list[tuple[str, Any]]] = [
    (
        '{"a": {"b": 1, "c": 2}, "d": 3, "e": [{"f": 1, "g": 2}, {"g": 3}, null]}',
        {"found": {"x": {"a": {"b": 1}, "e": [{"f": 1}, {}, {}]}}, "forbidden": []},
    ),
    *(
        (said, {"found": {"x": {"a": {}, "e": []}}, "forbidden": []})
        for said in ("{}", '{"a": null, "e": null}', '{"a": [1], "e": {"f": 1}}', "null")
    ),
    ("Error from server (NotFound): no", {"found": {"x": None}, "forbidden": []}),
    ("Error from server (Forbidden): no", {"found": {}, "forbidden": ["x"]}),
    ("Error from server: unwell", {"unreachable": "Error from server: unwell"}),
]


@pytest.mark.parametrize(("says", "answer"), ANSWERS)
def test_survey(says: str, answer: Any, tmp_path: Path) -> None:
    ends = f"echo '{says}' >&2; exit 1" if says.startswith("Error") else f"echo '{says}'"
    executable(tmp_path / "kubectl", f'test "$*" = "{REQUEST}" || exit 9; {ends}')
    reads = {"x": {"path": "/x", "keep": {"a": {"b": True}, "e": [{"f": True}]}}}
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run(script("survey"), PATH=path, MULTUS_READS=json.dumps(reads))
    assert json.loads(done.stdout) == answer
