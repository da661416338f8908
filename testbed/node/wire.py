"""The wires between machines: switches, each a Linux bridge, in a namespace of their own."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from testbed.node.namespaces import Space

MTU = 9000  # what the committed stacks ask for at most


class Wires:
    """A switch for each name. A machine's interface of that name is plugged into it."""

    def __init__(self, names: Sequence[str] = ("eth1", "eth2")) -> None:
        self.space = Space("wires")
        self.names = tuple(names)
        self._ports = 0
        for name in names:
            self.space.check("ip", "link", "add", name, "mtu", str(MTU), "type", "bridge")
            # Forward at once: the delay is for loops between switches, and there is one.
            self.space.check("ip", "link", "set", name, "type", "bridge", "forward_delay", "0")
            self.space.check("ip", "link", "set", name, "up")

    def connect(self, machine: Space) -> None:
        """Gives a machine one interface on every wire."""
        for name in self.names:
            self._ports += 1
            port = f"port{self._ports}"
            self.space.plug(port, machine, name, MTU)
            self.space.check("ip", "link", "set", port, "master", name, "up")
            machine.check("ip", "link", "set", name, "up")

    def close(self) -> None:
        self.space.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
