"""Runs a program on Pulumi's mocks and records what it registers.

Nothing is deployed. Options that mocks do not pass on (parent, dependencies, protect) are read
from the registration requests that the SDK would send to the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi
from pulumi.runtime import MockResourceArgs, Mocks, mocks, rpc, set_mocks, stack
from pulumi.runtime.mocks import MockCallArgs


@dataclass(frozen=True)
class Registered:
    """One resource as it was registered."""

    token: str
    name: str
    urn: str
    inputs: dict[str, Any]
    parent: str
    dependencies: tuple[str, ...]
    protect: bool
    provider: str
    secrets: tuple[str, ...]
    request: Any


@dataclass
class Record:
    """Everything that a program registered, in order, and what it said."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def named(self, name: str) -> Registered:
        return next(one for one in self.resources if one.name == name)

    def of(self, token: str) -> list[Registered]:
        return [one for one in self.resources if one.token == token]

    def name_of(self, urn: str) -> str:
        return next((one.name for one in self.resources if one.urn == urn), urn)

    def after(self, name: str) -> set[str]:
        """Names of all that a resource depends on, by whatever steps."""
        found: set[str] = set()
        todo = [name]
        while todo:
            for urn in self.named(todo.pop()).dependencies:
                dependency = self.name_of(urn)
                if dependency not in found and any(
                    one.name == dependency for one in self.resources
                ):
                    found.add(dependency)
                    todo.append(dependency)
        return found


class Cluster(Mocks):
    """Answers as a cluster would where every operation succeeds."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = dict(args.inputs)
        if args.typ == "kubernetes:helm.sh/v3:Release":
            outputs["status"] = {"revision": 1, "status": "deployed", "name": outputs["name"]}
        return f"{args.name}-id", outputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program called {args.token}")


class Monitor(mocks.MockMonitor):
    """The mock monitor, which also keeps the requests."""

    def __init__(self, answers: Mocks, record: Record) -> None:
        super().__init__(answers)
        self.record = record

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (gRPC's name)
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type == "pulumi:pulumi:Stack":
            return response
        inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        plain, secrets = {}, []
        for key, value in inputs.items():
            if rpc.is_rpc_secret(value):
                secrets.append(key)
            plain[key] = rpc.unwrap_rpc_secret(value)
        self.record.resources.append(
            Registered(
                request.type,
                request.name,
                response.urn,
                plain,
                request.parent,
                tuple(request.dependencies),
                request.protect,
                request.provider,
                tuple(secrets),
                request,
            )
        )
        return response


@contextmanager
def _fresh_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Pulumi queues its work on the current loop; another test's must not be found there."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.close()
        asyncio.set_event_loop(None)


def run(
    program: Callable[[], Any], *, preview: bool = False, record: Record | None = None
) -> Record:
    """Run `program` and return what it registered; what it raises is raised here.

    Give a `record` to see what was registered before the program failed.
    """
    record = record or Record()
    answers = Cluster()
    with _fresh_loop() as loop:
        set_mocks(
            answers,
            project="multus",
            stack="test",
            preview=preview,
            monitor=Monitor(answers, record),
        )

        try:
            loop.run_until_complete(stack.run_pulumi_func(lambda: _keep(program, record)))
        finally:
            pulumi.runtime.reset_options()
    return record


def _keep(program: Callable[[], Any], record: Record) -> None:
    result = program()
    if isinstance(result, dict):
        for key, value in result.items():
            pulumi.Output.from_input(value).apply(partial(record.outputs.__setitem__, key))
