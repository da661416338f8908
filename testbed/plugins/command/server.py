"""The gRPC side of the stand-in: what the engine asks of a resource plugin."""

# ruff: noqa: ARG002, N802  the protocol sets the methods' names and arguments

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent import futures
from importlib import metadata
from typing import Any

import grpc  # type: ignore[import-untyped]  # publishes no types
from google.protobuf import (  # type: ignore[import-untyped]  # publishes no types
    empty_pb2,
    json_format,
    struct_pb2,
)
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as p

from testbed.plugins.command.execution import CommandError, Runner
from testbed.plugins.command.values import (
    COMMAND,
    RUN,
    UNKNOWN,
    Kind,
    bare,
    differences,
    faults,
)

TOKEN = "command:local:Command"  # noqa: S105  a type token
OUTPUTS = ("stdout", "stderr")
WORKERS = 64  # commands that may run at once; the engine's own limit is lower
_KINDS: Mapping[Kind, p.PropertyDiff.Kind.ValueType] = {
    "add": p.PropertyDiff.ADD,
    "delete": p.PropertyDiff.DELETE,
    "update": p.PropertyDiff.UPDATE,
}


def plain(struct: Any) -> dict[str, Any]:
    """A wire struct as a dict, still with its marks."""
    return {str(k): v for k, v in json_format.MessageToDict(struct).items() if v is not None}


def packed(values: Mapping[str, Any]) -> Any:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


class CommandProvider(provider_pb2_grpc.ResourceProviderServicer):
    """`command:local:Command` and `command:local:run`.

    The outputs of a Command are its inputs, secrets as they were given, with stdout and stderr.
    Nothing runs at preview except `run`, which always does.
    """

    def __init__(self, engine_address: str) -> None:
        self._runner = Runner()
        # An engine's address is given to every plugin that an engine starts.
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine_address))

    def _run(
        self,
        urn: str,
        text: str,
        inputs: Mapping[str, Any],
        previous: Mapping[str, Any],
        context: Any,
    ) -> dict[str, str]:
        def log(line: str) -> None:
            # Ephemeral: shown while the step runs, as the official plugin does it.
            info = engine_pb2.INFO
            self._engine.Log(
                engine_pb2.LogRequest(severity=info, message=line, urn=urn, ephemeral=True)
            )

        before = (str(previous.get("stdout", "")), str(previous.get("stderr", "")))
        try:
            stdout, stderr = self._runner.run(text, inputs, before, log)
        except CommandError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return {"stdout": stdout, "stderr": stderr}

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        # The SDK's: the engine warns where the two differ.
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi-command"))

    def CheckConfig(self, request: p.CheckRequest, context: Any) -> p.CheckResponse:
        return p.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: p.DiffRequest, context: Any) -> p.DiffResponse:
        return p.DiffResponse(changes=p.DiffResponse.DIFF_NONE)

    def Configure(self, request: p.ConfigureRequest, context: Any) -> p.ConfigureResponse:
        return p.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: p.CheckRequest, context: Any) -> p.CheckResponse:
        kind = request.urn.split("::")[2].rpartition("$")[2]
        if kind != TOKEN:
            text = f"{kind} needs the official pulumi-resource-command on PATH; this is a stand-in"
            context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        news = plain(request.news)
        found = [
            p.CheckFailure(property=name, reason=reason) for name, reason in faults(news, COMMAND)
        ]
        kept = {key: value for key, value in news.items() if key in COMMAND}
        return p.CheckResponse(inputs=packed(kept), failures=found)

    def Diff(self, request: p.DiffRequest, context: Any) -> p.DiffResponse:
        found = dict(differences(plain(request.old_inputs), plain(request.news)))
        changes = p.DiffResponse
        return p.DiffResponse(
            changes=changes.DIFF_SOME if found else changes.DIFF_NONE,
            diffs=sorted({path.partition(".")[0] for path in found}),
            detailedDiff={
                path: p.PropertyDiff(kind=_KINDS[kind], inputDiff=False)
                for path, kind in found.items()
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: p.CreateRequest, context: Any) -> p.CreateResponse:
        raw = plain(request.properties)
        inputs = bare(raw)
        outputs: dict[str, Any] = dict.fromkeys(OUTPUTS, UNKNOWN if request.preview else "")
        if not request.preview and inputs.get("create") is not None:
            outputs = self._run(request.urn, inputs["create"], inputs, {}, context)
        name = request.urn.rpartition("::")[2]
        return p.CreateResponse(
            id="" if request.preview else f"{name}{secrets.token_hex(4)}",
            properties=packed({**raw, **outputs}),
        )

    def Update(self, request: p.UpdateRequest, context: Any) -> p.UpdateResponse:
        raw = plain(request.news)
        inputs = bare(raw)
        olds = bare(plain(request.olds))
        outputs: dict[str, Any] = {name: olds.get(name, "") for name in OUTPUTS}
        text = inputs.get("create")
        if request.preview:
            # Only a change leads here, so what the next run prints is not known.
            outputs = dict.fromkeys(OUTPUTS, UNKNOWN)
        elif text is not None:
            outputs = self._run(request.urn, text, inputs, olds, context)
        return p.UpdateResponse(properties=packed({**raw, **outputs}))

    def Delete(self, request: p.DeleteRequest, context: Any) -> Any:
        state = bare(plain(request.properties))
        if state.get("delete") is not None:
            self._run(request.urn, state["delete"], state, state, context)
        return empty_pb2.Empty()

    def Read(self, request: p.ReadRequest, context: Any) -> p.ReadResponse:
        return p.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Invoke(self, request: p.InvokeRequest, context: Any) -> p.InvokeResponse:
        if request.tok != "command:local:run":
            text = f"{request.tok} needs the official pulumi-resource-command on PATH"
            context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        raw = plain(request.args)
        inputs = bare(raw)
        found = [p.CheckFailure(property=name, reason=reason) for name, reason in faults(raw, RUN)]
        if "command" not in inputs:
            found.append(p.CheckFailure(property="command", reason="it is required"))
        if found:
            return p.InvokeResponse(failures=found)
        outputs = self._run("", inputs["command"], inputs, {}, context)
        kept = {key: value for key, value in raw.items() if key in RUN}
        return p.InvokeResponse(**{"return": packed({**kept, **outputs})})

    def Cancel(self, request: Any, context: Any) -> Any:
        self._runner.cancel()
        return empty_pb2.Empty()


def main() -> None:
    """Serves until the engine ends us or is gone itself."""
    engine = os.getppid()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS))
    provider = CommandProvider(sys.argv[1])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    print(port, flush=True)  # how a plugin tells the engine where it listens
    # An engine that was killed sends no word; its children then belong to another.
    while not ended.wait(0.5) and os.getppid() == engine:
        pass
    provider.Cancel(None, None)
    server.stop(0)
