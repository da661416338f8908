"""The stacks of `stacks/`, whatever they are: their owner may edit, remove and add any.

No other test reads them; `tests/engine/test_fork.py` holds that.
"""

from __future__ import annotations

from components.cli.check import check_file, runs_on
from tests.stacks.files import ROOT, errors


def test_they_can_be_deployed() -> None:
    files = map(str, sorted((ROOT / "stacks").glob("Pulumi.*.yaml")))
    found = [one for file in files for one in errors(check_file(file, runs_on("", None)).findings)]
    assert [str(one) for one in found] == []
