"""Prints the images that a stack's nodes pull, one a line: what an air-gapped registry must hold.

    python -m tools.images --stack prod              as the pods name them
    python -m tools.images --stack prod --published  without multus:registry: what to copy from

Reads the stack's file and nothing else: no cluster, no network, no Pulumi. A secret in
`multus:extraValues` cannot be read and is passed over with a word on standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from components.images import images
from components.settings import ACCESS_KEYS, StackFileError, misspelt, parse
from tools import stack_file

ROOT: Final = Path(__file__).parent.parent
COMMAND: Final = "python -m tools.images"


def of_stack(
    folder: Path, stack: str, *, published: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images, and the keys that could not be read; raises UnreadableError, StackFileError."""
    values = stack_file.config(folder, stack)
    ours = stack_file.ours(values)
    secret = tuple(key for key, value in ours.items() if _secret(value) and key not in ACCESS_KEYS)
    args, faults = parse(
        {key: value for key, value in ours.items() if key not in (*ACCESS_KEYS, *secret)}
    )
    faults = [*misspelt(values), *faults]
    if args is None or faults:
        raise StackFileError(f"{folder.name}/Pulumi.{stack}.yaml", faults)
    return images(args.values, args.chart.facts, published=published), secret


def _secret(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"secure"}


def main(arguments: Sequence[str] | None = None, folder: Path = ROOT / "stacks") -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument("--stack", required=True, help="name of the stack, as in Pulumi.NAME.yaml")
    parser.add_argument("--published", action="store_true", help="leave multus:registry out")
    options = parser.parse_args(arguments)
    try:
        found, secret = of_stack(folder, options.stack, published=options.published)
    except (stack_file.UnreadableError, StackFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for key in secret:
        print(f"multus:{key} is a secret and was not read", file=sys.stderr)
    print("\n".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
