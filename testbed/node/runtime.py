"""Calls CNI plugins as a container runtime does, with the configuration that is on the node.

The first file of the configuration directory is the network of every pod, and the plugins are
looked for in one directory: a runtime knows nothing else. It runs no container.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from testbed.node.namespaces import Space

Command = Literal["ADD", "CHECK", "DEL"]
LIMIT: Final = 240.0  # seconds that the kubelet gives a sandbox
Result = dict[str, Any]


class CniError(Exception):
    """A plugin refused; the text is its own."""


@dataclass(frozen=True)
class Attachment:
    """What a plugin is told of a pod."""

    container: str
    netns: str
    interface: str = "eth0"
    arguments: str = ""


@dataclass
class Runtime:
    """The CNI side of one node's container runtime."""

    space: Space
    conf_dir: str
    bin_dir: str

    def network(self) -> dict[str, Any]:
        """The configuration in force, as a list of plugins."""
        files = sorted(
            file
            for file in self.space.path(self.conf_dir).iterdir()
            if file.suffix in (".conf", ".conflist", ".json") and file.is_file()
        )
        if not files:
            raise CniError(f"no networks found in {self.conf_dir}")
        found: dict[str, Any] = json.loads(files[0].read_text(encoding="utf-8"))
        if files[0].suffix == ".conflist":
            return found
        return {"cniVersion": found["cniVersion"], "name": found["name"], "plugins": [found]}

    def add(self, attachment: Attachment) -> Result:
        network = self.network()
        result: Result = {}
        for plugin in network["plugins"]:
            result = self.call("ADD", network, plugin, attachment, result or None)
        return result

    def check(self, attachment: Attachment, result: Result) -> None:
        network = self.network()
        for plugin in network["plugins"]:
            self.call("CHECK", network, plugin, attachment, result)

    def delete(self, attachment: Attachment, result: Result | None = None) -> None:
        network = self.network()
        for plugin in reversed(network["plugins"]):
            self.call("DEL", network, plugin, attachment, result)

    def call(
        self,
        what: Command,
        network: Mapping[str, Any],
        plugin: Mapping[str, Any],
        attachment: Attachment,
        previous: Result | None = None,
    ) -> Result:
        """One plugin alone, which can also be one that Multus would call."""
        program = f"{self.bin_dir}/{plugin['type']}"
        if not self.space.path(program).exists():
            raise CniError(f'failed to find plugin "{plugin["type"]}" in path [{self.bin_dir}]')
        body = {**plugin, "cniVersion": network["cniVersion"], "name": network["name"]}
        if previous is not None:
            body["prevResult"] = previous
        answer = self.space.run(
            program,
            input=json.dumps(body),
            env={
                "CNI_COMMAND": what,
                "CNI_CONTAINERID": attachment.container,
                "CNI_NETNS": attachment.netns,
                "CNI_IFNAME": attachment.interface,
                "CNI_ARGS": attachment.arguments,
                "CNI_PATH": self.bin_dir,
            },
            timeout=LIMIT,
        )
        return _read(answer.returncode, answer.stdout, answer.stderr)


def _read(code: int, stdout: str, stderr: str) -> Result:
    try:
        printed: Result = json.loads(stdout) if stdout.strip() else {}
    except ValueError:
        printed = {}
    if code == 0:
        return printed
    said = ": ".join(str(printed[key]) for key in ("msg", "details") if printed.get(key))
    raise CniError(said or stderr.strip() or stdout.strip() or f"exit code {code}")
