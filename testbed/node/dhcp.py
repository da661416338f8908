"""A DHCP server on a wire, for as long as a test needs one.

Small on purpose: it hands out a range, remembers who has what under which host name, and forgets
on release (RFC 2131, without BOOTP, relays and several subnets). It answers by broadcast only.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final, Self

from testbed.node.entering import within

COOKIE: Final = b"\x63\x82\x53\x63"
FIXED: Final = struct.Struct("!BBBBIHH4s4s4s4s16s192x")
PORT: Final = 67
OFFERED: Final = 10.0  # seconds that an offered address is kept for who asked first
ETHERNET_IPV4: Final = 0x0800
DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE = 1, 2, 3, 5, 6, 7
MASK, ROUTER, HOST_NAME, WANTED, LEASE_TIME, KIND, SERVER, CLIENT, END = (
    *(1, 3, 12, 50, 51, 53, 54, 61),
    255,
)


@dataclass(frozen=True)
class Message:
    """What of a client's message counts."""

    kind: int
    transaction: int
    hardware: bytes
    options: Mapping[int, bytes]
    address: IPv4Address

    @property
    def client(self) -> bytes:
        return self.options.get(CLIENT, self.hardware)


@dataclass
class Lease:
    """Who has an address."""

    client: bytes
    host_name: str
    mac: str


def parse(data: bytes) -> Message | None:
    """A client's message, None for anything else."""
    start = FIXED.size + len(COOKIE)
    if len(data) < start or data[FIXED.size : start] != COOKIE:
        return None
    operation, _, length, _, transaction, _, _, own, *_, hardware = FIXED.unpack_from(data)
    options: dict[int, bytes] = {}
    place = start
    while place + 1 < len(data) and data[place] != END:
        code, size = data[place], data[place + 1]
        options[code] = data[place + 2 : place + 2 + size]
        place += 2 + size if code else 1
    kind = options.get(KIND, b"")
    if operation != 1 or len(kind) != 1:
        return None
    return Message(kind[0], transaction, hardware[:length], options, IPv4Address(own))


class DhcpServer:
    """Serves one interface of a network namespace with the addresses from `first` to `last`."""

    def __init__(
        self, network: Path, interface: str, own: IPv4Interface, first: str, last: str
    ) -> None:
        self._own = own
        self._range = (IPv4Address(first), IPv4Address(last))
        self.leases: dict[IPv4Address, Lease] = {}
        self.released: list[IPv4Address] = []
        self._offers: dict[IPv4Address, tuple[bytes, float]] = {}
        self._ears, self._mouth = within(network, lambda: _open(interface))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._ears.close()
        self._mouth.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                message = parse(_payload(self._ears.recv(4096)))
                answer = message and self._answer(message)
                if answer:
                    self._mouth.sendto(answer, ("255.255.255.255", 68))

    def _answer(self, message: Message) -> bytes | None:
        if message.kind == RELEASE:
            lease = self.leases.get(message.address)
            if lease and lease.client == message.client:
                del self.leases[message.address]
                self.released.append(message.address)
            return None
        if message.kind not in (DISCOVER, REQUEST):
            return None
        free = self._address(message)
        if message.kind == DISCOVER:
            if free is None:
                return None
            self._offers[free] = (message.client, time.monotonic() + OFFERED)
            return self._message(message, OFFER, free)
        asked = message.options.get(WANTED)
        wanted = IPv4Address(asked) if asked else message.address
        if free is None or wanted != free:
            return self._message(message, NAK, IPv4Address(0))
        name = message.options.get(HOST_NAME, b"").decode(errors="replace")
        self._offers.pop(free, None)
        self.leases[free] = Lease(message.client, name, message.hardware.hex(":"))
        return self._message(message, ACK, free)

    def _address(self, message: Message) -> IPv4Address | None:
        """The client's own address, or the first that is free and not just offered to another."""
        now = time.monotonic()
        self._offers = {one: held for one, held in self._offers.items() if held[1] > now}
        for address, lease in self.leases.items():
            if lease.client == message.client:
                return address
        for address, (client, _) in self._offers.items():
            if client == message.client:
                return address
        first, last = (int(limit) for limit in self._range)
        taken = self.leases.keys() | self._offers.keys()
        every = (IPv4Address(number) for number in range(first, last + 1))
        return next((one for one in every if one not in taken), None)

    def _message(self, asked: Message, kind: int, address: IPv4Address) -> bytes:
        own = self._own.ip.packed
        fixed = FIXED.pack(
            *(2, 1, len(asked.hardware), 0, asked.transaction, 0, 0x8000),
            *(bytes(4), address.packed, own, bytes(4), asked.hardware.ljust(16, b"\0")),
        )
        options = {
            KIND: bytes([kind]),
            SERVER: own,
            LEASE_TIME: struct.pack("!I", 3600),
            MASK: self._own.netmask.packed,
            ROUTER: own,
        }
        text = b"".join(bytes([code, len(value)]) + value for code, value in options.items())
        return fixed + COOKIE + text + bytes([END])


def _open(interface: str) -> tuple[socket.socket, socket.socket]:
    """What packets are read from, and what answers go out by.

    Read as they come over the wire: the plugin releases an address from 0.0.0.0, and the kernel
    lets no such packet through to a UDP socket.
    """
    ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERNET_IPV4))
    ears.bind((interface, ETHERNET_IPV4))
    ears.settimeout(0.2)
    mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    mouth.bind(("", PORT))
    return ears, mouth


def _payload(packet: bytes) -> bytes:
    """What an IPv4 packet brings to the server's UDP port, nothing for any other packet."""
    start = (packet[0] & 0x0F) * 4
    if packet[9] != socket.IPPROTO_UDP or len(packet) < start + 8:
        return b""
    return packet[start + 8 :] if int.from_bytes(packet[start + 2 : start + 4]) == PORT else b""
