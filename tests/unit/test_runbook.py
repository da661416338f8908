"""The messages that the runbook explains are those that the program has."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from components.rules.registry import of_live_cluster

ROOT: Final = Path(__file__).parents[2]
RUNBOOK: Final = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
# Of Pulumi, Helm, Kubernetes, the provider or a shell.
OF_OTHERS: Final = (
    *("another operation (install", "can't update Helm Release", "cannot re-use a name"),
    *("configured Kubernetes cluster is unreach", "exec: python3", "failed to find plugin"),
    *("namespaces \"", "release: not found", "Server-Side Apply", "the stack is currently locked"),
    *("unable to read client-cert", "ErrImagePull", "… already exists", "(Completed)",
    "cni plugin not initialized"),
)  # fmt: skip
# Where the page quotes one: the first cell of a table of messages, and the start of a paragraph.
CELLS: Final = re.compile(r"^\|(?! (?:event|no|it looks|---)) ([^|]*`[^|]*)\|", re.MULTILINE)
STARTS: Final = re.compile(r"^((?:`[^`\n]+`(?:, | or )?)+)", re.MULTILINE)
LEFT_OUT: Final = re.compile(r"…|\b[NM]\b|\d+|[,:;()]")


def texts(file: Path) -> list[str]:
    """Every text of a module, joined as Python joins it; … stands for what is filled in."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


SAID: Final = "\n".join(
    [
        *(text for file in (ROOT / "components").rglob("*.py") for text in texts(file)),
        *(one.message for one in of_live_cluster()),
    ]
)
QUOTED: Final = sorted({
    text
    for place in [*CELLS.findall(RUNBOOK), *STARTS.findall(RUNBOOK)]
    for text in re.findall(r"`([^`]+)`", place)
    if " " in text and not text.startswith("pulumi ")
})  # fmt: skip


@pytest.mark.parametrize("message", QUOTED)
def test_the_program_says_it(message: str) -> None:
    message = message.removesuffix(": Exec format error")
    if any(one in message for one in OF_OTHERS):
        return
    parts = [part.strip() for part in LEFT_OUT.split(message)]
    missing = [part for part in parts if len(part) > 5 and part not in SAID]
    assert not missing


def test_the_table_of_preflight_has_each_rule_under_its_severity() -> None:
    table = RUNBOOK.partition("| it looks at |")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    for one in of_live_cluster():
        column = 1 if one.severity == "error" else 2
        named = [
            cell
            for row in rows
            for cell, text in enumerate(row)
            if one.name in re.split("[ ,;]", text)
        ]
        assert named == [column], one.name
