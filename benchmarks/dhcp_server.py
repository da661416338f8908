"""A DHCP server on a wire, in a process of its own so that it does not slow what is measured.

    python -m benchmarks.dhcp_server NETWORK INTERFACE OWN FIRST LAST

NETWORK is a network namespace, OWN the server's address with its prefix, FIRST and LAST limit
what it hands out. It ends with its standard input.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

from testbed import processes
from testbed.node.dhcp import DhcpServer
from testbed.node.lan import Lan

OWN = "192.168.30.1/24"
LIMITS = ("192.168.30.10", "192.168.30.250")


@contextmanager
def serving(lan: Lan, wire: str) -> Iterator[None]:
    """One server on that wire for the length of a block."""
    lan.space.check("ip", "address", "add", OWN, "dev", wire)
    arguments = (str(lan.space.network), wire, OWN, *LIMITS)
    with processes.serving("benchmarks.dhcp_server", *arguments):
        yield


def main() -> None:
    network, interface, own, first, last = sys.argv[1:]
    server = DhcpServer(Path(network), interface, IPv4Interface(own), first, last)
    with server, contextlib.suppress(KeyboardInterrupt):
        print("ready", flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
