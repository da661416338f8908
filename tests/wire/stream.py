"""Numbered packets from one pod to another, one after another, to see whether any gets lost."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from testbed.node.pod import Pod

EVERY = 0.02  # seconds
LATE = 1.0  # seconds for the last one to arrive


@dataclass
class Stream:
    """What was sent, and what arrived."""

    sent: int = 0
    heard: set[int] = field(default_factory=set)

    @property
    def lost(self) -> list[int]:
        return sorted(set(range(self.sent)) - self.heard)


def _udp(address: str) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind((address, 0))
    found.settimeout(LATE)
    return found


@contextlib.contextmanager
def stream(one: Pod, other: Pod) -> Iterator[Stream]:
    """Packets by net1 for the length of a block; then all that will arrive has."""
    here, there = (str(pod.addresses()[0].ip) for pod in (one, other))
    found, over = Stream(), threading.Event()
    with one.within(lambda: _udp(here)) as mouth, other.within(lambda: _udp(there)) as ears:
        place = ears.getsockname()

        def speak() -> None:
            while not over.wait(EVERY):
                with contextlib.suppress(OSError):
                    mouth.sendto(str(found.sent).encode(), place)
                found.sent += 1

        def listen() -> None:
            while not over.is_set() or time.monotonic() < stop:
                with contextlib.suppress(TimeoutError):
                    found.heard.add(int(ears.recv(64)))

        stop = float("inf")
        threads = [threading.Thread(target=work, daemon=True) for work in (speak, listen)]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            stop = time.monotonic() + LATE
            over.set()
            for thread in threads:
                thread.join()
