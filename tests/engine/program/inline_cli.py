"""A `pulumi` whose `preview` and `up` run the project's program in a process of their own.

It is the real CLI with the one thing that the testbed lacks, a language host. So what starts
`pulumi` as a command, as `multus-k3s plan` does, finds what a user has.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # publishes no types
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

REAL = "THE_REAL_CLI"


def install(folder: Path, real: Path) -> Path:
    """A program `pulumi` in a folder for PATH."""
    folder.mkdir()
    program = folder / "pulumi"
    source = Path(__file__).read_text(encoding="utf-8").replace("THE_REAL_CLI", str(real), 1)
    program.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    program.chmod(0o755)
    return folder


def project() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


def main(arguments: list[str]) -> int:
    if arguments[:1] not in (["preview"], ["up"]):
        return subprocess.run([REAL, *arguments], check=False).returncode
    sys.path[0] = str(Path.cwd())
    server = grpc.server(futures.ThreadPoolExecutor(4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(project), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    inline = (f"--client=127.0.0.1:{port}", "--exec-kind=auto.inline")
    try:
        return subprocess.run([REAL, *arguments, *inline], check=False).returncode
    finally:
        server.stop(0)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # the SDK's threads would hold the process
