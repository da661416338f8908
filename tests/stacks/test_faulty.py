"""Every stack file in `faulty/` gets exactly the findings at its top.

Each file opens with the reviewed findings as comments (`#! …`), then is a stack file as a user
might write it. `pytest tests/stacks --update-goldens` rewrites the comments; read the diff. Files
in `accepted/` were refused once, for no good reason (docs/adr/0012).

Those in `field/` are networks of real users with names and addresses replaced. They open with the
verdict and its reason (`# warned: …`), then their findings.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from components.findings import Severity, in_order
from components.rules.registry import UNUSED
from tests.stacks.files import errors, read_text

FAULTY = sorted((Path(__file__).parent / "faulty").glob("*.yaml"))
ACCEPTED = sorted((Path(__file__).parent / "accepted").glob("*.yaml"))
FIELD = sorted((Path(__file__).parent / "field").glob("*.yaml"))
VERDICTS = {"refused": Severity.ERROR, "warned": Severity.WARNING}
MARK = "#! "


def test_there_are_enough() -> None:
    assert len(FAULTY) + len(ACCEPTED) >= 306


@pytest.mark.parametrize("file", [*FAULTY, *FIELD], ids=lambda file: file.stem)
def test_gets_its_findings(file: Path, *, update_goldens: bool) -> None:
    lines = file.read_text().splitlines()
    body = [line for line in lines if not line.startswith(MARK)]
    parsed, found = read_text("\n".join(body))
    said = [str(one) for one in in_order(found)]
    assert said or file in FIELD, f"{file.name} is accepted without a word"
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


def verdict(file: Path) -> str:
    [head] = [line for line in file.read_text().splitlines() if line.startswith("# ")]
    return head[2:].partition(":")[0]


@pytest.mark.parametrize("file", FIELD, ids=lambda file: file.stem)
def test_a_network_of_real_users_gets_its_verdict(file: Path) -> None:
    found = read_text(file.read_text())[1]
    worst = {one.severity for one in found}
    said = [name for name, severity in VERDICTS.items() if severity in worst]
    assert [*said, "accepted"][0] == verdict(file)


@pytest.mark.parametrize(
    "file", [one for one in FIELD if verdict(one) == "refused"], ids=lambda file: file.stem
)
def test_the_user_has_the_last_word(file: Path) -> None:
    """Whatever is refused for what it means is deployed where its rules are allowed."""
    text = file.read_text()
    rules = sorted({one.rule for one in errors(read_text(text)[1])})
    parsed, found = read_text(f"{text}  multus:allow: [{', '.join(rules)}]\n")
    assert parsed.args is not None, found
    assert not {one.rule for one in found} & {*rules, UNUSED}
