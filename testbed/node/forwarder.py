"""Makes the cluster's API server, which listens on loopback, reachable from a machine's loopback.

    python -m testbed.node.forwarder NETWORK PORT TARGET_PORT

A process of its own, so that a test's own work does not slow the machine's clients. It listens in
the network namespace and connects from where it was started. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from testbed.node.entering import within
from testbed.tools import ROOT

HOST = "127.0.0.1"
MOST = 1024  # connections at a time
CHUNK = 65536


def start(network: Path, port: int, target: int) -> subprocess.Popen[bytes]:
    """Returns when it listens."""
    module = [sys.executable, "-m", "testbed.node.forwarder", str(network), str(port), str(target)]
    process = subprocess.Popen(
        module,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        process.wait()
        raise OSError(f"no forwarder from {network} to port {target}")
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


async def _serve(listener: socket.socket, target: int) -> None:
    free = asyncio.Semaphore(MOST)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with free:
            try:
                there, back = await asyncio.open_connection(HOST, target)
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pass(reader, back), _pass(there, writer))

    server = await asyncio.start_server(connected, sock=listener)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()
    os._exit(0)  # with connections open, which nobody waits for


def main() -> None:
    network, port, target = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    listener = within(network, lambda: socket.create_server((HOST, port), backlog=MOST))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(listener, target))


if __name__ == "__main__":
    main()
