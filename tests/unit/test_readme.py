"""What the README shows is what the tests hold."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_at_the_top_is_what_was_seen_on_the_wire() -> None:
    table = (ROOT / "tests" / "wire" / "recipe.md").read_text(encoding="utf-8")
    assert table in README
    assert README.index(table) < README.index("\n## ")


def test_the_faults_that_it_shows_are_printed_so() -> None:
    """Each fault of the example is the last line of a golden, but for the place in the file."""
    goldens = "".join(
        file.read_text(encoding="utf-8")
        for file in (ROOT / "tests" / "stacks" / "faulty").glob("*.yaml")
    )
    for said in (
        "a range must not have host bits set. Did you mean",
        "that is the bridge of K3s itself, and both would break. Did you mean",
    ):
        assert said in README
        assert said in goldens
