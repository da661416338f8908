"""The program on Pulumi's mocks: what a language host would run, without engine and cluster.

    python -m benchmarks.program STACK

In the folder of Pulumi.yaml. Everything is done but what an engine, a repository or a cluster
would do. It takes its settings from the stack's file, as the CLI would.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import yaml
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_all_config, set_mocks, stack


class Everything(Mocks):
    """A cluster where each operation succeeds."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        del args
        return {"stdout": json.dumps({"unreachable": "nobody answers"})}, []


def main(name: str) -> None:
    text = Path("stacks", f"Pulumi.{name}.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)["config"]
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    set_all_config(texts, [])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # the mocks' own futures belong to the current one
    set_mocks(Everything(), project="multus", stack=name, preview=True)

    def body() -> None:
        runpy.run_path("__main__.py", run_name="__main__")

    loop.run_until_complete(stack.run_pulumi_func(body))


if __name__ == "__main__":
    main(sys.argv[1])
