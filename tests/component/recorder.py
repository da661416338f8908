"""Runs a program on Pulumi's mocks and records what it registers, asks and says.

Nothing is deployed. Options that mocks do not pass on (parent, dependencies, protect) are read
from the registration requests that the SDK would send to the engine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from unittest.mock import patch

import pulumi
from pulumi.runtime import MockResourceArgs, Mocks, mocks, rpc, set_mocks, stack
from pulumi.runtime.mocks import MockCallArgs

ALL_WELL: Final = {"before": [], "starting": [], "total": 0, "restarted": []}
AWAY: Final = {"unreachable": "the cluster does not answer: EOF"}


@dataclass(frozen=True)
class Registered:
    """One resource as it was registered."""

    token: str
    name: str
    urn: str
    inputs: dict[str, Any]
    secrets: tuple[str, ...]
    request: Any


@dataclass
class Record(Mocks):
    """A cluster where every operation succeeds, and what a program did with it."""

    survey: Any = field(default_factory=lambda: AWAY)
    """The answer to preflight; a text is why its command fails."""
    resources: list[Registered] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The inputs of each survey."""
    missed: Any = field(default_factory=lambda: ALL_WELL)
    """What is said of pods without their networks."""
    looked: Any = None
    """What the look before says of them; the same where it is left out."""
    decisions: list[str] = field(default_factory=list)
    """What was asked about them: `look`, then what to do."""
    unfinished: Any = field(default_factory=dict)
    """Releases without an end; a text is why the look fails."""
    own: dict[str, Any] | None = None
    """What the stack's state has; None where it cannot be read."""
    ended_after: set[str] = field(default_factory=set)
    """Names of what was registered when these were ended."""
    ends: list[Any] = field(default_factory=list)
    """What was to become of those, each time it was asked about them."""
    said: list[tuple[str, str]] = field(default_factory=list)
    """Level and text of what was logged."""
    outputs: dict[str, Any] = field(default_factory=dict)

    def named(self, name: str) -> Registered:
        return next(one for one in self.resources if one.name == name)

    def of(self, token: str) -> list[Registered]:
        return [one for one in self.resources if one.token == token]

    def after(self, name: str) -> set[str]:
        """Names of all that a resource depends on, by whatever steps, without providers."""
        names = {one.urn: one.name for one in self.resources if "providers" not in one.token}
        found: set[str] = set()
        todo = [name]
        while todo:
            direct = {names[urn] for urn in self.named(todo.pop()).request.dependencies}
            todo += direct - found
            found |= direct
        return found

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = dict(args.inputs)
        if args.typ == "kubernetes:helm.sh/v3:Release":
            outputs["status"] = {"revision": 1, "status": "deployed", "name": outputs["name"]}
        return f"{args.name}-id", outputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "pulumi:pulumi:readStackResourceOutputs":
            return {"outputs": self.own or {}}, [] if self.own is not None else [("", "no")]
        assert args.token == "command:local:run"
        if "MULTUS_WANTED" in args.args["environment"]:
            self.ends.append(json.loads(args.args["environment"].get("MULTUS_ENDS", "null")))
            if self.ends[-1]:
                self.ended_after = {one.name for one in self.resources}
            failed = [("", self.unfinished)] if isinstance(self.unfinished, str) else []
            return {"stdout": json.dumps(self.unfinished)}, failed
        if "MULTUS_MISSED" in args.args["environment"]:
            self.decisions.append(args.args["environment"]["MULTUS_MISSED"])
            before = self.looked is not None and self.decisions[-1] == "look"
            return {"stdout": json.dumps(self.looked if before else self.missed)}, []
        self.asked.append(args.args)
        failed = [("", self.survey)] if isinstance(self.survey, str) else []
        return {"stdout": json.dumps(self.survey)}, failed


class Monitor(mocks.MockMonitor):
    """The mock monitor, which also keeps the requests."""

    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self.record = record

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (gRPC's name)
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type == "pulumi:pulumi:Stack":
            return response
        inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        secrets = tuple(key for key, value in inputs.items() if rpc.is_rpc_secret(value))
        plain = {key: rpc.unwrap_rpc_secret(value) for key, value in inputs.items()}
        self.record.resources.append(
            Registered(request.type, request.name, response.urn, plain, secrets, request)
        )
        return response


def run(
    program: Callable[[], Any], *, preview: bool = False, record: Record | None = None
) -> Record:
    """Run `program` and return what it did; what it raises is raised here.

    Give a `record` to see what was registered before the program failed.
    """
    found = record or Record()
    # Pulumi queues its work on the current loop; another test's must not be found there.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    set_mocks(found, project="multus", stack="test", preview=preview, monitor=Monitor(found))

    def keep(level: str, text: str, _: pulumi.Resource | None = None) -> None:
        found.said.append((level, text))

    def body() -> None:
        result = program()
        for key, value in (result if isinstance(result, dict) else {}).items():
            pulumi.Output.from_input(value).apply(partial(found.outputs.__setitem__, key))

    try:
        with patch.multiple(
            pulumi.log, info=partial(keep, "info"), warn=partial(keep, "warn"), autospec=None
        ):
            loop.run_until_complete(stack.run_pulumi_func(body))
    finally:
        pulumi.runtime.reset_options()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.close()
        asyncio.set_event_loop(None)
    return found


def kubeconfig(*names: str) -> str:
    """A kubeconfig with contexts of these names, the first one current."""
    found = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": names[0],
        "clusters": [{"name": n, "cluster": {"server": f"https://{n}:6443"}} for n in names],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
        "users": [{"name": n, "user": {"token": "x"}} for n in names],
    }
    return json.dumps(found)
