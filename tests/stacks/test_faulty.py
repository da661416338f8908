"""Every stack file in `faulty/` gets exactly the findings at its top.

Each file opens with the reviewed findings as comments (`#! …`), then is a stack file as a user
might write it. `pytest tests/stacks --update-goldens` rewrites the comments; read the diff. Files
in `accepted/` were refused once, for no good reason (docs/adr/0012).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from components.findings import in_order
from tests.stacks.files import errors, read_text

FAULTY = sorted((Path(__file__).parent / "faulty").glob("*.yaml"))
ACCEPTED = sorted((Path(__file__).parent / "accepted").glob("*.yaml"))
MARK = "#! "


def test_there_are_enough() -> None:
    assert len(FAULTY) + len(ACCEPTED) >= 306


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_gets_its_findings(file: Path, *, update_goldens: bool) -> None:
    lines = file.read_text().splitlines()
    body = [line for line in lines if not line.startswith(MARK)]
    parsed, found = read_text("\n".join(body))
    said = [str(one) for one in in_order(found)]
    assert said, f"{file.name} is accepted without a word"
    assert (parsed.args is None) == bool(errors(found))
    if update_goldens:
        file.write_text("\n".join([*(MARK + line for line in said), *body, ""]))
        return
    assert said == [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    for line in said:
        assert line.startswith("stacks/Pulumi.dev.yaml:")
        assert line.endswith("]")
        assert "pydantic" not in line.lower()
        assert "Value error" not in line


@pytest.mark.parametrize("file", ACCEPTED, ids=lambda file: file.stem)
def test_is_accepted_without_a_word(file: Path) -> None:
    parsed, found = read_text(file.read_text())
    assert found == []
    assert parsed.args is not None
