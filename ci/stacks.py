"""The stacks that a change touches, as a JSON list for a workflow's matrix.

python -m ci.stacks BASE    those that differ between BASE and what is checked out
python -m ci.stacks         all
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from components.parse import PREFIX
from components.stack_file import read_stack_file
from components.yaml_file import UnreadableError

FOLDER: Final = Path("stacks")
PROGRAM: Final = ("components", "__main__.py", "Pulumi.yaml", "requirements.txt", "constraints.txt")
"""What every stack is made by."""


def stacks() -> dict[str, tuple[str, ...]]:
    """By stack the patterns of its networkFiles; none of a file that cannot be read."""
    found = {}
    for path in sorted(FOLDER.glob("Pulumi.*.yaml")):
        try:
            patterns = read_stack_file(path, str(path)).config.get(f"{PREFIX}networkFiles")
        except UnreadableError:  # which its preview says
            patterns = None
        texts = patterns if isinstance(patterns, list) else []
        found[path.stem.removeprefix("Pulumi.")] = tuple(map(str, texts))
    return found


def touched(changed: Iterable[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Those that a change of these files may change: rather one too many than one too few."""
    files = [PurePosixPath(one) for one in changed]
    if any(one.parts[0] in PROGRAM for one in files):
        return [*known]
    own = {f"{FOLDER}/Pulumi.{name}.yaml": name for name in known}
    found = {own[str(one)] for one in files if str(one) in own}
    for name, patterns in known.items():
        folders = [_fixed(one) for one in patterns]
        if any(one.is_relative_to(folder) for one in files for folder in folders):
            found.add(name)
    return sorted(found)


def _fixed(pattern: str) -> PurePosixPath:
    """The part before the first wildcard, which is a file or the folder of all that it finds."""
    parts = PurePosixPath(pattern).parts
    wild = (at for at, part in enumerate(parts) if any(one in part for one in "*?["))
    return PurePosixPath(*parts[: next(wild, len(parts))])


def main(arguments: Sequence[str]) -> None:
    known = stacks()
    found = [*known]
    for base in arguments:
        command = ["git", "diff", "--name-only", "-z", f"{base}...HEAD", "--"]
        listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if listed.returncode == 0:  # else the base is not known, as at a branch's first push
            found = touched(filter(None, listed.stdout.split("\0")), known)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
