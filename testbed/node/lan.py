"""The wires between machines, and the way from there to the API server and back.

Each wire is a Linux bridge in a namespace of its own. The first is the machines' LAN, and the API
server has an address on it: a forwarder listens there and connects to the server, which stays on
loopback. The other way, to a kubelet for logs and exec, the server asks the forwarder too, by a
socket file. So nothing is added to this machine's own network.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Final, Self

from testbed.node.namespaces import Space
from testbed.processes import serving

LAN: Final = "eth0"
# RFC 2544's range for tests of networks; simulated nodes have the half before it.
SERVER: Final = IPv4Interface("198.19.0.1/24")
MTU: Final = {LAN: 1500}
OTHERS: Final = 9000  # what the committed stacks ask for at most


class Lan:
    """A switch for each name. A machine's interface of that name is plugged into it."""

    def __init__(
        self, server: int, egress: Path, masters: Sequence[str] = ("eth1", "eth2")
    ) -> None:
        """`server` is the API server's port, `egress` the file of the socket for its own calls."""
        self.server = server
        self.names = (LAN, *masters)
        self._held = ExitStack()
        self.space = self._held.enter_context(Space("lan"))
        try:
            for name in self.names:
                self.space.check("ip", "link", "add", name, "mtu", _mtu(name), "type", "bridge")
                # Forward at once: the delay is for loops between switches, and there is one.
                self.space.check("ip", "link", "set", name, "type", "bridge", "forward_delay", "0")
                self.space.check("ip", "link", "set", name, "up")
            self.space.check("ip", "address", "add", str(SERVER), "dev", LAN)
            way = (str(self.space.network), str(SERVER.ip), str(server), str(egress))
            self._held.enter_context(serving("testbed.node.forwarder", *way))
        except BaseException:
            self.close()
            raise

    @property
    def server_address(self) -> str:
        """Of the API server, for machines."""
        return f"{SERVER.ip}:{self.server}"

    def address(self, number: int) -> IPv4Interface:
        """Of the machine with that number, from 1 on."""
        return IPv4Interface(f"{SERVER.ip + number}/{SERVER.network.prefixlen}")

    def connect(self, machine: Space, number: int) -> None:
        """Gives a machine one interface on every wire, and its address on the LAN.

        The port of the machine 1 on the wire eth1 is 1-eth1.
        """
        for name in self.names:
            port = f"{number}-{name}"
            self.space.plug(port, machine, name, int(_mtu(name)))
            self.space.check("ip", "link", "set", port, "master", name, "up")
            machine.check("ip", "link", "set", name, "up")
        machine.check("ip", "address", "add", str(self.address(number)), "dev", LAN)
        machine.check("ip", "route", "add", "default", "via", str(SERVER.ip))

    def close(self) -> None:
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _mtu(name: str) -> str:
    return str(MTU.get(name, OTHERS))
