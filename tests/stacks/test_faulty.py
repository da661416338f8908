"""Every stack file in `faulty/` is refused with exactly the lines at its top.

Each file opens with the reviewed message as comments (`#! …`), then is a stack file as a user
might write it. `pytest tests/stacks --update-goldens` rewrites the comments; read the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.settings import StackFileError
from tests.stacks.files import parsed

FOLDER = Path(__file__).parent / "faulty"
FILES = sorted(FOLDER.glob("*.yaml"))
MARK = "#! "


def message(file: Path) -> str:
    config = yaml.safe_load(file.read_text())["config"]
    args, faults = parsed(config)
    assert args is None, f"{file.name} is accepted"
    return str(StackFileError("stacks/Pulumi.dev.yaml", faults))


def test_there_are_enough() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_is_refused_with_its_message(file: Path, *, update_goldens: bool) -> None:
    lines = file.read_text().splitlines()
    body = [line for line in lines if not line.startswith(MARK)]
    said = message(file)
    if update_goldens:
        file.write_text("\n".join([*(MARK + line for line in said.splitlines()), *body, ""]))
        return
    expected = "\n".join(line.removeprefix(MARK) for line in lines if line.startswith(MARK))
    assert said == expected


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_names_file_path_and_rule(file: Path) -> None:
    _, found = parsed(yaml.safe_load(file.read_text())["config"])
    head, *faults = message(file).splitlines()
    count = "1 fault" if len(found) == 1 else f"{len(found)} faults"
    assert head == f"stacks/Pulumi.dev.yaml has {count}; nothing was changed."
    assert len(faults) == len(found)  # a message is one line, whatever stands in it
    for line in faults:
        assert line.startswith("  stacks/Pulumi.dev.yaml: multus:")
        assert "Value error" not in line
        assert "pydantic" not in line.lower()


def test_three_kinds_of_faults_give_three_lines() -> None:
    assert len(message(FOLDER / "three-kinds-at-once.yaml").splitlines()) == 1 + 3
