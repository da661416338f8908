"""Carries connections between the machines' LAN and the API server, which listens on loopback.

    python -m testbed.node.forwarder NETWORK ADDRESS PORT SOCKET

A process of its own, so that a test's own work does not slow the machines' clients. It listens in
the network namespace and connects from where it was started; and by the socket file it is the
proxy (HTTP CONNECT) of the API server's calls to kubelets, which are in the network namespace or
outside of it. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from testbed.node.entering import within

INSIDE: Final = ip_network("198.19.0.0/16")
HOST: Final = "127.0.0.1"
MOST: Final = 1024  # connections at a time
CHUNK: Final = 65536
HELD: Final[set[asyncio.Future[tuple[None, None]]]] = set()
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()  # who has said all may still be answered


async def _join(near: Streams, far: Streams) -> None:
    # The loop holds no task of its own: one whose two ends are silent would be collected.
    passing = asyncio.gather(_pass(near[0], far[1]), _pass(far[0], near[1]))
    HELD.add(passing)
    try:
        await passing
    finally:
        HELD.discard(passing)
    for _, writer in (near, far):
        writer.close()


async def _serve(network: Path, address: str, port: int, egress: Path) -> None:
    free = asyncio.Semaphore(MOST)
    loop = asyncio.get_running_loop()

    async def to_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with free:
            try:
                there = await asyncio.open_connection(HOST, port)
            except OSError:
                writer.close()
                return
            await _join((reader, writer), there)

    async def from_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        host, _, wanted = request.split()[1].rpartition(":")
        try:
            inside = ip_address(host) in INSIDE
            asked = within(network, _socket) if inside else _socket()
            await loop.sock_connect(asked, (host, int(wanted)))
            there = await asyncio.open_connection(sock=asked)
        except OSError as error:
            writer.write(f"HTTP/1.1 502 {error}\r\n\r\n".encode())
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await _join((reader, writer), there)

    listener = within(network, lambda: socket.create_server((address, port), backlog=MOST))
    servers = [
        await asyncio.start_server(to_server, sock=listener),
        await asyncio.start_unix_server(from_server, egress),
    ]
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    for server in servers:
        server.close()
    os._exit(0)  # with connections open, which nobody waits for


def _socket() -> socket.socket:
    made = socket.socket()
    made.settimeout(0)
    return made


def main() -> None:
    network, address, port, egress = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(Path(network), address, int(port), Path(egress)))


if __name__ == "__main__":
    main()
