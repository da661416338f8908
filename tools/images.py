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

import yaml

from components.images import images
from components.settings import ACCESS_KEYS, NAMESPACE, StackFileError, parse

ROOT: Final = Path(__file__).parent.parent
COMMAND: Final = "python -m tools.images"


def of_stack(file: Path, *, published: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images, and the keys that could not be read.

    Raises StackFileError, OSError where there is no such file, and yaml.YAMLError.
    """
    name = str(Path(file.parent.name) / file.name)
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    config = content.get("config") if isinstance(content, Mapping) else None
    ours = {
        key.removeprefix(f"{NAMESPACE}:"): value
        for key, value in (config if isinstance(config, Mapping) else {}).items()
        if isinstance(key, str) and key.startswith(f"{NAMESPACE}:")
    }
    secret = tuple(key for key, value in ours.items() if _secret(value) and key not in ACCESS_KEYS)
    args, faults = parse(
        {key: value for key, value in ours.items() if key not in (*ACCESS_KEYS, *secret)}
    )
    if args is None:
        raise StackFileError(name, faults)
    return images(args.values, args.chart.facts, published=published), secret


def _secret(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"secure"}


def main(arguments: Sequence[str] | None = None, folder: Path = ROOT / "stacks") -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument("--stack", required=True, help="name of the stack, as in Pulumi.NAME.yaml")
    parser.add_argument("--published", action="store_true", help="leave multus:registry out")
    options = parser.parse_args(arguments)
    try:
        found, secret = of_stack(
            folder / f"Pulumi.{options.stack}.yaml", published=options.published
        )
    except FileNotFoundError:
        there = ", ".join(sorted(file.stem.split(".")[1] for file in folder.glob("Pulumi.*.yaml")))
        print(f"error: there is no stack {options.stack}. There are: {there}", file=sys.stderr)
        return 1
    except yaml.YAMLError as error:
        print(f"error: that is no YAML: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except (OSError, ValueError, RecursionError, StackFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for key in secret:
        print(f"multus:{key} is a secret and was not read", file=sys.stderr)
    print("\n".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
