"""The least of a DNS server, in a pod: it knows one IPv4 address, and gives it for each name."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

from testbed.node.pod import Pod

HEADER = 12
IPV4 = b"\x00\x01"  # a question's type A


@contextlib.contextmanager
def answering(pod: Pod, address: str) -> Iterator[None]:
    """On the pod's UDP port 53, for the length of a block."""
    with pod.within(_opened) as door:

        def serve() -> None:
            while (said := door.recvfrom(512))[0]:  # empty when it is shut
                door.sendto(_answer(said[0], IPv4Address(address)), said[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it has no other end, and wakes who reads from it
                door.shutdown(socket.SHUT_RDWR)
            thread.join()


def _opened() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind(("0.0.0.0", 53))  # noqa: S104 (the pod's own)
    return found


def _answer(asked: bytes, address: IPv4Address) -> bytes:
    """RFC 1035, 4.1: the question again, and a record for it if it is of type A."""
    end = asked.index(0, HEADER) + 5
    question = asked[HEADER:end]
    count = 1 if question[-4:-2] == IPV4 else 0
    header = asked[:2] + b"\x81\x80" + b"\x00\x01" + bytes([0, count]) + bytes(4)
    record = b"\xc0\x0c" + question[-4:] + bytes([0, 0, 0, 9, 0, 4]) + address.packed
    return header + question + record * count
